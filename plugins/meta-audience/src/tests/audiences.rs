//! Creating and reading.

use blockyard_sdk::codes;
use blockyard_sdk::http::Error;
use blockyard_sdk::testing::Host;
use serde_json::{Value, json};

use super::{AUDIENCE, answer, meta_error};
use crate::MetaAudience;

fn create() -> Value {
    json!({"operation": "createAudience", "adAccountId": "act_9", "customerFileSource": "PARTNER_PROVIDED_ONLY",
        "isValueBased": true})
}

#[test]
fn audiences_are_created_one_after_the_other_and_ids_are_texts() {
    let host = Host::new().secret("meta").respond(|_| Ok(answer(200, &[], "{\"id\": 23850000000000001}")));
    let input = json!([{"name": "A"}, {"name": "B", "description": "b"}]);
    let ended = host.run::<MetaAudience>(&create(), &input, &json!({})).unwrap();
    let expected = json!([{"id": AUDIENCE, "name": "A"}, {"id": AUDIENCE, "name": "B"}]);
    assert_eq!(ended.output("output"), Some(&expected));
    let sent = host.sent();
    assert!(sent.iter().all(|sent| sent.together == 1));
    let body = json!({"name": "B", "description": "b", "subtype": "CUSTOM", "is_value_based": true,
        "customer_file_source": "PARTNER_PROVIDED_ONLY"});
    assert_eq!(sent[1].json(), body);
    assert_eq!(sent[1].url, "https://graph.facebook.com/v25.0/act_9/customaudiences");
}

#[test]
fn a_creation_in_doubt_is_not_repeated() {
    let one = json!({"name": "A"});
    let host = Host::new().secret("meta").respond(|_| Err(Error::Timeout));
    let failure = host.run::<MetaAudience>(&create(), &one, &json!({})).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), (codes::UPSTREAM_TIMEOUT, false));
    let host = Host::new().secret("meta").respond(|_| Ok(answer(504, &[], "<html>")));
    let failure = host.run::<MetaAudience>(&create(), &one, &json!({})).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), (codes::UPSTREAM_TIMEOUT, false));
    assert_eq!(failure.details().unwrap()["status"], 504);
    let host = Host::new().secret("meta").respond(|_| Ok(answer(400, &[], meta_error(80_004, None))));
    assert!(host.run::<MetaAudience>(&create(), &one, &json!({})).unwrap_err().is_retryable());
    for body in ["", "{}", "[]", "{\"id\": \"x\"}", "{\"id\": null}"] {
        let host = Host::new().secret("meta").respond(move |_| Ok(answer(200, &[], body)));
        let failure = host.run::<MetaAudience>(&create(), &one, &json!({})).unwrap_err();
        assert_eq!(failure.code(), codes::UNEXPECTED_RESPONSE, "{body}");
    }
}

#[test]
fn audiences_are_read_with_the_usual_fields_and_a_missing_one_stands_in_its_place() {
    let host = Host::new().secret("meta").respond(|sent| {
        let missing = sent.url.contains("/404?");
        let found = json!({"id": AUDIENCE, "approximate_count_lower_bound": 1000, "new_field": {"a": 12_345_678_901_234_567_890_u64}});
        Ok(if missing { answer(400, &[], meta_error(100, Some(33))) } else { answer(200, &[], found) })
    });
    let config = json!({"operation": "readAudience", "audienceId": AUDIENCE});
    let input = json!([null, {"audienceId": 404}, {"id": AUDIENCE, "name": "kept out"}, {"no": "id"}]);
    let ended = host.run::<MetaAudience>(&config, &input, &json!({})).unwrap();
    let output = ended.output("output").unwrap();
    assert_eq!(output[0]["new_field"]["a"], 12_345_678_901_234_567_890_u64);
    assert_eq!(output[1]["error"]["code"], codes::NOT_FOUND);
    assert_eq!(output[1]["error"]["details"]["audienceId"], "404");
    assert_eq!(output[3]["id"], AUDIENCE);
    let fields = "name,subtype,approximate_count_lower_bound,approximate_count_upper_bound,operation_status,\
                  delivery_status,time_updated";
    assert_eq!(host.sent()[0].query(), [("fields".to_owned(), fields.to_owned())]);
    assert_eq!(host.sent()[0].method, "GET");
    let strict = json!({"operation": "readAudience", "audienceId": AUDIENCE, "onItemError": "fail"});
    assert_eq!(host.run::<MetaAudience>(&strict, &input, &json!({})).unwrap_err().code(), codes::NOT_FOUND);
}
