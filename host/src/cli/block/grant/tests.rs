//! What flags make of a grant.

use super::*;
use serde_json::json;

#[test]
fn places_are_read_with_all_their_parts() {
    let read = |text: &str| {
        let rule = rule(text)?;
        Ok::<_, String>((rule.host.unwrap(), rule.scheme, rule.port, rule.path_prefix))
    };
    let host = || "api.example.com".to_owned();
    assert_eq!(read("API.example.com"), Ok((host(), None, None, None)));
    assert_eq!(read("https://api.example.com/"), Ok((host(), None, None, None)));
    let all = (host(), Some("http".to_owned()), Some(8080), Some("/v1/x".to_owned()));
    assert_eq!(read("http://api.example.com:8080/v1/x"), Ok(all));
    assert_eq!(read("*.example.com").unwrap().0, "*.example.com");
    assert_eq!(read("b\u{fc}cher.example").unwrap().0, "xn--bcher-kva.example");
    assert_eq!(read("[::1]:8080/a/../b").unwrap(), ("[::1]".to_owned(), None, Some(8080), Some("/b".to_owned())));
    for bad in [
        "",
        "*",
        "*.",
        "*.com",
        "/v1",
        "//a",
        "a:b",
        "a:0",
        "a:99999",
        "ftp://a",
        "u@a",
        "a?q",
        "a b",
        "a:1:2",
        "a\\b",
        "*.127.0.0.1",
        "a.*.com",
    ] {
        assert!(rule(bad).is_err(), "{bad}");
    }
    let (name, place) = secret("key@API.example.com:8443").unwrap();
    assert_eq!((name.as_str(), place.host, place.port), ("key", Some(host()), Some(8443)));
    assert!(secret("key").is_err() && secret("@a").is_err() && secret("key@").is_err());
}

fn flags(arguments: &[&str]) -> Grant {
    of_block("custom.x", arguments)
}

fn of_block(block: &str, arguments: &[&str]) -> Grant {
    #[derive(clap::Parser)]
    struct Alone {
        #[command(flatten)]
        grant: Grant,
    }
    let subject = ["grant", block];
    let arguments = subject.iter().chain(arguments);
    <Alone as clap::Parser>::try_parse_from(arguments).unwrap().grant
}

fn pending(grant: serde_json::Value, missing: serde_json::Value) -> Granted {
    let version = json!({"type": "custom.x", "version": "2.0.0", "status": "pending", "missing": missing});
    serde_json::from_value(json!({"grant": grant, "versions": [version]})).unwrap()
}

#[test]
fn flags_say_the_whole_grant_and_all_adds_what_is_missing() {
    let missing = json!({"http": [{"host": "new.example", "secrets": ["k"]}], "reveal": [], "stateless": true});
    let before = pending(json!({"http": [{"host": "old.example"}]}), missing);
    let hosts = |grant: &domain::Grant| grant.http.iter().filter_map(|rule| rule.host.clone()).collect::<Vec<_>>();

    let explicit = flags(&["--http", "a.example/v1", "--secret", "k@a.example", "--secret", "k@b.example"]);
    let grant = explicit.wanted(&before).unwrap().unwrap();
    assert_eq!(hosts(&grant), ["a.example", "b.example"]);
    assert!(grant.http.iter().all(|rule| rule.secrets == ["k"]) && !grant.stateless);

    let places = ["--http", "a.example:8443", "--http", "a.example/v1"];
    let secrets = |place: &str| -> Vec<usize> {
        let flags = flags(&[&places[..], &["--secret", place]].concat());
        let rules = flags.wanted(&before).unwrap().unwrap().http;
        rules.iter().map(|rule| rule.secrets.len()).collect()
    };
    assert_eq!(secrets("k@a.example"), [1, 1]);
    assert_eq!(secrets("k@a.example:8443"), [1, 0]);
    assert_eq!(secrets("k@a.example/v2"), [0, 0, 1]);

    for all in [&["--all"][..], &[]] {
        let grant = flags(all).wanted(&before).unwrap().unwrap();
        assert_eq!(hosts(&grant), ["old.example", "new.example"]);
        assert!(grant.stateless);
    }
    let nothing = Granted { versions: Vec::new(), ..before };
    assert!(flags(&["--all"]).wanted(&nothing).unwrap().is_none());
}

#[test]
fn a_host_that_the_manifest_does_not_know_has_to_be_named() {
    let asks = json!({"http": [{"hostFrom": "config:/url", "methods": ["GET"]}], "reveal": [], "stateless": false});
    let before = pending(json!({}), asks);
    let error = flags(&["--all"]).wanted(&before).unwrap_err();
    assert!(error.0.contains("config:/url"), "{error}");
    let grant = flags(&["--all", "--http", "db.example:8443"]).wanted(&before).unwrap().unwrap();
    let rule = &grant.http[0];
    let place = (rule.host.as_deref(), rule.port, rule.host_from.as_deref());
    assert_eq!(place, (Some("db.example"), Some(8443), None));
    assert_eq!(rule.methods.as_deref(), Some(&["GET".to_owned()][..]));
}

#[test]
fn each_host_goes_to_the_rule_that_it_is_for() {
    let asks = json!({"http": [
        {"hostFrom": "config:/url", "secrets": ["key"]}, {"hostFrom": "setting:mirror"}, {"host": "a.example"},
    ], "reveal": [], "stateless": false});
    let before = pending(json!({}), asks);
    for (arguments, words) in [
        (&["--all", "--http", "db.example"][..], "which is which"),
        (&["--all", "--http", "config:/url=db.example"], "`setting:mirror` names"),
        (&["--all", "--http", "config:/other=db.example"], "no host that `config:/other` names"),
        (&["--http", "config:/url=db.example"], "goes with --all"),
    ] {
        let error = flags(arguments).wanted(&before).unwrap_err();
        assert!(error.0.contains(words), "{error}");
    }
    let both = ["--all", "--http", "config:/url=db.example", "--http", "setting:mirror=m.example/x"];
    let grant = flags(&both).wanted(&before).unwrap().unwrap();
    let rules: Vec<_> = grant.http.iter().map(|rule| (rule.host.as_deref().unwrap(), rule.secrets.len())).collect();
    assert_eq!(rules, [("db.example", 1), ("m.example", 0), ("a.example", 0)]);

    let asks = json!({"http": [{"host": "a.example"}], "reveal": [], "stateless": false});
    let error = flags(&["--all", "--http", "b.example"]).wanted(&pending(json!({}), asks)).unwrap_err();
    assert!(error.0.contains("leave --http out"), "{error}");
}

#[test]
fn a_version_that_is_named_is_granted_what_it_asks_for() {
    let asks = |version: &str, host: Option<&str>| {
        let missing = host.map(|host| json!({"http": [{"host": host}], "reveal": [], "stateless": false}));
        let status = if host.is_some() { "pending" } else { "inactive" };
        json!({"type": "custom.x", "version": version, "status": status, "missing": missing})
    };
    let versions = [
        asks("2.0.0", Some("two.example")),
        asks("1.1.0", Some("one.example")),
        asks("1.0.1", Some("old.example")),
        asks("1.0.0", None),
    ];
    let before: Granted = serde_json::from_value(json!({"grant": {}, "versions": versions})).unwrap();
    let host = |block: &str| {
        let grant = of_block(block, &["--all"]).wanted(&before).unwrap();
        grant.map(|grant| grant.http[0].host.clone().unwrap())
    };
    for (block, expected) in [
        ("custom.x", Some("two.example")),
        ("custom.x@2", Some("two.example")),
        ("custom.x@1", Some("one.example")),
        ("custom.x@1.0.1", Some("old.example")),
        ("custom.x@1.0.0", None),
    ] {
        assert_eq!(host(block).as_deref(), expected, "{block}");
    }
    for block in ["custom.x@3", "custom.x@1.0.2"] {
        let error = of_block(block, &["--all"]).wanted(&before).unwrap_err();
        assert_eq!(error.0, format!("there is no `{block}`; the block has 2.0.0, 1.1.0, 1.0.1, 1.0.0"));
    }
    let error = of_block("custom.x@1.0.1", &["--http", "a.example"]).wanted(&before).unwrap_err();
    assert!(error.0.contains("a version goes with --all"), "{error}");
}
