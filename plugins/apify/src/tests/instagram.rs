use blockyard_sdk::testing::Host;
use serde_json::{Value, json};

use super::{end, host, page, run_object};

fn vendor(items: Value) -> Host {
    host(move |sent| match sent.method.as_str() {
        "POST" => run_object("READY"),
        _ if sent.url.contains("waitForFinish") => run_object("SUCCEEDED"),
        _ => page(&items, Some(items.as_array().unwrap().len() as u64)),
    })
}

fn actor_input(config: Value, input: Value) -> Value {
    let host = vendor(json!([]));
    end(&host, config, input).unwrap();
    host.sent()[0].json()
}

#[test]
fn usernames_of_all_items_become_urls_of_one_run_each_once() {
    let config = json!({"operation": "instagram", "directUrls": ["https://www.instagram.com/p/x/", "ada"], "usernameField": "handle"});
    let input = json!([{"handle": "@ada"}, {"handle": ["bo.b", "instagram.com/explore/tags/tea/"]}, {"handle": null}, {"name": "x"}, "eve_1"]);
    let expected = json!({
        "directUrls": ["https://www.instagram.com/p/x/", "https://www.instagram.com/ada/", "https://www.instagram.com/bo.b/",
            "https://instagram.com/explore/tags/tea/", "https://www.instagram.com/eve_1/"],
        "resultsType": "posts", "addParentData": false
    });
    assert_eq!(actor_input(config, input), expected);
}

#[test]
fn a_search_needs_no_input() {
    let config = json!({"operation": "instagram", "search": "tea", "searchType": "place", "searchLimit": 3, "resultsType": "details"});
    let expected = json!({"search": "tea", "searchType": "place", "searchLimit": 3, "resultsType": "details", "addParentData": false});
    assert_eq!(actor_input(config.clone(), json!({"username": 7})), expected);
    assert_eq!(actor_input(config, json!([])), expected);
}

#[test]
fn items_with_an_error_leave_through_their_own_port() {
    let items = json!([{"id": "1", "error": null}, {"error": "no_items", "url": "u"}, {"id": "2", "error": ""}, {"error": "not_found"}, 5]);
    let ended = end(&vendor(items), json!({"operation": "instagram"}), json!({"username": "ada"})).unwrap();
    assert_eq!(ended.output("output").unwrap(), &json!([{"id": "1", "error": null}, {"id": "2", "error": ""}, 5]));
    assert_eq!(ended.output("failed").unwrap(), &json!([{"error": "no_items", "url": "u"}, {"error": "not_found"}]));
    let ended = end(&vendor(json!([{"id": "1"}])), json!({"operation": "instagram"}), json!("ada")).unwrap();
    assert_eq!(ended.output("failed"), None);
}

#[test]
fn an_empty_list_costs_nothing() {
    let host = vendor(json!([]));
    let ended = end(&host, json!({"operation": "instagram"}), json!([])).unwrap();
    assert_eq!((ended.output("output"), host.sent().len()), (Some(&json!([])), 0));
}

#[test]
fn input_that_names_no_profile_is_located() {
    let host = vendor(json!([]));
    for (config, input, pointer) in [
        (json!({}), json!({}), "/username"),
        (json!({}), Value::Null, "/username"),
        (json!({}), json!([{"name": "x"}]), "/0/username"),
        (json!({}), json!([{"username": "ok"}, {"username": 7}]), "/1/username"),
        (json!({}), json!({"username": ["ok", "größe"]}), "/username/1"),
        (json!({}), json!("a b"), ""),
        (json!({}), json!({"username": "x".repeat(31)}), "/username"),
        (json!({"resultsType": "comments"}), json!({"username": "ada"}), "/username"),
    ] {
        let mut config = config;
        config["operation"] = json!("instagram");
        let failure = end(&host, config, input.clone()).unwrap_err();
        assert_eq!(
            (failure.code(), &failure.details().unwrap()["pointer"]),
            ("invalid-input", &json!(pointer)),
            "{input}"
        );
    }
    assert_eq!(host.sent().len(), 0);
    let comments = json!({"operation": "instagram", "resultsType": "comments", "resultsLimit": 50});
    assert!(end(&host, comments, json!({"username": "https://www.instagram.com/p/C8x/"})).is_ok());
}
