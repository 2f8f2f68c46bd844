use blockyard_sdk::http::Response;
use blockyard_sdk::testing::{self, Sent};
use serde_json::{Value, json};

use super::{Apify, end, host, output, page, query, response};

fn config(extra: Value) -> Value {
    let mut config = json!({"operation": "datasetItems", "datasetId": "owner/name"});
    config.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    config
}

fn numbers(from: u64, to: u64) -> Value {
    (from..to).map(|n| json!({"n": n})).collect()
}

fn asked(sent: &Sent) -> (u64, u64) {
    let number = |name| query(sent, name).unwrap().parse().unwrap();
    (number("offset"), number("limit"))
}

/// A dataset of `total` items.
fn dataset(total: u64) -> impl Fn(&Sent) -> Response {
    move |sent| {
        let (offset, limit) = asked(sent);
        page(&numbers(offset.min(total), offset.saturating_add(limit).min(total)), Some(total))
    }
}

#[test]
fn pages_are_joined_up_to_the_limit() {
    for (total, limit, requests) in
        [(0, 10, 1), (5, 10, 1), (10, 10, 1), (2_500, 5_000, 3), (5_000, 1_500, 2), (2_000, 2_000, 2)]
    {
        let host = host(dataset(total));
        let found = output(&host, config(json!({"limit": limit})), json!({}));
        assert_eq!(found, numbers(0, total.min(limit)), "{total} {limit}");
        assert_eq!(host.sent().len(), requests, "{total} {limit}");
        assert!(host.sent()[0].url.starts_with("https://api.apify.com/v2/datasets/owner~name/items?"));
    }
}

#[test]
fn the_last_page_asks_only_for_what_is_missing_and_an_offset_is_kept() {
    let host = host(dataset(9_000));
    assert_eq!(output(&host, config(json!({"limit": 1_200, "offset": 7})), json!({})), numbers(7, 1_207));
    assert_eq!(host.sent().iter().map(asked).collect::<Vec<_>>(), [(7, 1_000), (1_007, 200)]);
}

#[test]
fn short_and_empty_pages_are_no_end_where_items_are_left_out() {
    let respond = |sent: &Sent| {
        let (offset, _) = asked(sent);
        let kept: Value = match offset {
            0 => json!([{"n": 1}]),
            1_000 => json!([]),
            _ => json!([{"n": 2}, {"n": 3}]),
        };
        page(&kept, Some(2_500))
    };
    for option in ["clean", "skipEmpty"] {
        let host = host(respond);
        let found = output(&host, config(json!({"itemOptions": {option: true}})), json!({}));
        assert_eq!(found, json!([{"n": 1}, {"n": 2}, {"n": 3}]));
        assert_eq!(host.sent().len(), 3, "{option}");
    }
}

#[test]
fn a_small_limit_with_clean_does_not_make_tiny_pages() {
    let host = host(dataset(1_000));
    assert_eq!(output(&host, config(json!({"limit": 3, "itemOptions": {"clean": true}})), json!({})), numbers(0, 3));
    assert_eq!(asked(&host.sent()[0]), (0, 100));
}

#[test]
fn a_dataset_that_shrinks_or_has_no_total_ends() {
    let host = host(|sent| {
        let (offset, _) = asked(sent);
        if offset == 0 { page(&numbers(0, 1_000), Some(3_000)) } else { page(&json!([]), Some(3_000)) }
    });
    assert_eq!(output(&host, config(json!({"limit": 5_000})), json!({})), numbers(0, 1_000));
    assert_eq!(host.sent().len(), 2);
    let host = super::host(|sent| match asked(sent).0 {
        0 => page(&numbers(0, 4), None),
        _ => page(&json!([]), None),
    });
    assert_eq!(output(&host, config(json!({})), json!({})), numbers(0, 4));
    assert_eq!(asked(&host.sent()[1]).0, 4);
}

#[test]
fn a_smaller_page_than_asked_for_is_followed_by_where_it_ends() {
    let host = host(|sent| {
        let (offset, _) = asked(sent);
        let body = numbers(offset, (offset + 250).min(600)).to_string();
        let headers = [("x-apify-pagination-limit", "250"), ("x-apify-pagination-total", "600")];
        Response::new(200, headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(), body)
    });
    assert_eq!(output(&host, config(json!({})), json!({})), numbers(0, 600));
    assert_eq!(host.sent().len(), 3);
}

#[test]
fn items_keep_their_digits_and_their_order_over_a_suspension() {
    let body = r#"[{"z":12345678901234567890123,"a":1.50,"e":"\u00e9"}]"#;
    let tried = std::cell::Cell::new(0);
    let host = host(move |sent| match asked(sent).0 {
        0 => Response::new(200, vec![("x-apify-pagination-total".to_owned(), "2".to_owned())], body),
        _ => {
            tried.set(tried.get() + 1);
            if tried.get() == 1 { response(503, "") } else { page(&json!([{"n": 2}]), Some(2)) }
        }
    });
    let call = |context: &str| {
        host.within(|| testing::run_text::<Apify>(&config(json!({})).to_string(), "{}", context)).unwrap()
    };
    let testing::TextOutcome::Suspended { state, .. } = call("{}") else { panic!("it waits for the server") };
    let testing::TextOutcome::Done { outputs, .. } = call(&format!("{{\"state\": {state}}}")) else { panic!() };
    assert_eq!(outputs[0].1, r#"[{"z":12345678901234567890123,"a":1.50,"e":"\u00e9"},{"n":2}]"#);
    assert_eq!(host.sent().len(), 3, "the first page is not read again");
}

#[test]
fn datasets_come_from_the_items_and_a_missing_one_is_located() {
    let host = host(dataset(1));
    let from_items = json!({"operation": "datasetItems", "concurrency": 2});
    let input = json!([{"datasetId": "a", "more": 1}, {"datasetId": "b"}, {"datasetId": "c"}]);
    assert_eq!(output(&host, from_items.clone(), input), json!([[{"n": 0}], [{"n": 0}], [{"n": 0}]]));
    assert_eq!(host.sent()[0].together, 2);
    assert_eq!(output(&host, from_items.clone(), json!([])), json!([]));
    for (input, pointer) in [
        (json!({}), "/datasetId"),
        (json!([{"datasetId": "a"}, {"datasetId": 7}]), "/1/datasetId"),
        (json!("a"), "/datasetId"),
    ] {
        let failure = end(&host, from_items.clone(), input).unwrap_err();
        assert_eq!((failure.code(), &failure.details().unwrap()["pointer"]), ("invalid-input", &json!(pointer)));
    }
}

#[test]
fn every_option_has_its_parameter() {
    let host = host(dataset(1));
    let options = json!({"clean": true, "skipEmpty": true, "skipHidden": true, "fields": ["a", "b"], "outputFields": ["c", "d"],
        "omit": ["x"], "unwind": ["u"], "flatten": ["f"], "desc": true, "view": "overview"});
    output(&host, config(json!({"itemOptions": options})), json!({}));
    let sent = &host.sent()[0];
    for (name, value) in [
        ("clean", "true"),
        ("skipEmpty", "true"),
        ("skipHidden", "true"),
        ("fields", "a,b"),
        ("outputFields", "c,d"),
        ("omit", "x"),
        ("unwind", "u"),
        ("flatten", "f"),
        ("desc", "true"),
        ("view", "overview"),
        ("format", "json"),
    ] {
        assert_eq!(query(sent, name).as_deref(), Some(value), "{name}");
    }
}
