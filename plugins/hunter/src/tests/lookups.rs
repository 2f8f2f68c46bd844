use std::cell::Cell;

use super::*;

fn verifier() -> Value {
    json!({"operation": "emailVerifier"})
}

#[test]
fn a_verification_that_takes_long_suspends_and_asks_the_same_again() {
    let left = Cell::new(3);
    let host = Host::new().secret("hunter").respond(move |_| {
        left.set(left.get() - 1);
        if left.get() >= 0 { answer(202, &[], "") } else { json(200, &json!({"data": {"status": "webmail"}})) }
    });
    let first = host.run::<Hunter>(&verifier(), &json!({"email": "a@b.example"}), &json!({})).unwrap();
    assert!(matches!(first, Ended::Suspended { after_ms: 2_000, .. }), "{first:?}");
    let Ended::Done { outputs, metadata } = call(&host, &verifier(), &json!({"email": "a@b.example"})).unwrap() else {
        panic!("it does not end")
    };
    assert_eq!(outputs["output"], json!({"status": "webmail", "email": "a@b.example"}));
    assert_eq!(metadata["found"], 1);
    let sent = host.sent();
    assert!(sent.iter().all(|one| one.url == sent[0].url));
}

#[test]
fn a_verification_without_end_is_given_up_after_a_minute() {
    let host = always(202, &[], "");
    let mut context = json!({});
    let mut waited = 0;
    let failure = loop {
        match host.run::<Hunter>(&verifier(), &json!({"email": "a@b.example"}), &context) {
            Ok(Ended::Suspended { after_ms, state }) => {
                waited += after_ms;
                context["state"] = state;
            }
            Ok(done) => panic!("{done:?}"),
            Err(failure) => break failure,
        }
    };
    assert!((60_000..70_000).contains(&waited), "{waited}");
    assert_eq!((failure.code(), failure.is_retryable()), (codes::UPSTREAM_TIMEOUT, true));
    let failure =
        call(&always(202, &[], ""), &json!({"operation": "enrichPerson"}), &json!({"email": "x"})).unwrap_err();
    assert_eq!(failure.code(), codes::UNEXPECTED_RESPONSE);
}

#[test]
fn finished_verifications_are_kept_while_others_are_waited_for() {
    let asked = Cell::new(0);
    let host = Host::new().secret("hunter").respond(move |sent| {
        if sent.url.contains("slow") && asked.replace(asked.get() + 1) < 2 {
            return answer(202, &[], "null");
        }
        json(200, &json!({"data": {"status": "valid"}}))
    });
    let results = output(&host, &verifier(), &json!([{"email": "slow@b.example"}, {"email": "fast@b.example"}]));
    assert_eq!(results[0], json!({"status": "valid", "email": "slow@b.example"}));
    assert_eq!(host.sent().iter().filter(|sent| sent.url.contains("fast")).count(), 1);
}

#[test]
fn the_finder_takes_names_in_every_spelling_and_the_lead_goes_before_the_config() {
    let config = json!({"operation": "emailFinder", "domain": "Config.example", "company": "Config"});
    let table = [
        (json!({"firstName": "A", "lastName": "B"}), "domain=config.example&first_name=A&last_name=B"),
        (json!({"first_name": "A", "last_name": "B", "company": "C"}), "company=C&first_name=A&last_name=B"),
        (json!({"domain": "X.Example", "company": "C", "full_name": "A B"}), "domain=x.example&full_name=A%20B"),
        (json!({"firstName": "A", "linkedin_handle": "a-b"}), "linkedin_handle=a-b"),
        (json!({"linkedinHandle": "https://linkedin.com/in/a-b?x=1"}), "linkedin_handle=a-b"),
        (
            json!({"firstName": "  Zoë ", "lastName": "O'Neil"}),
            "domain=config.example&first_name=Zo%C3%AB&last_name=O%27Neil",
        ),
    ];
    for (lead, query) in table {
        let host = always(200, &[], r#"{"data": {"email": null, "score": null}}"#);
        output(&host, &config, &lead);
        assert_eq!(host.sent()[0].url, format!("https://api.hunter.io/v2/email-finder?{query}"), "{lead}");
    }
    let failure = call(&always(200, &[], "{}"), &config, &json!({"firstName": "A"})).unwrap_err();
    assert!(failure.message().contains("lastName"), "{failure}");
}

#[test]
fn a_finders_miss_is_a_result_that_says_who_was_looked_for() {
    let host =
        always(200, &[], r#"{"data": {"email": null, "score": null, "domain": null, "big": 9223372036854775807}}"#);
    let lead = json!({"firstName": "A", "lastName": "B", "domain": "x.example"});
    let Ended::Done { outputs, metadata } = call(&host, &json!({"operation": "emailFinder"}), &lead).unwrap() else {
        panic!("it suspends")
    };
    let expected = json!({"email": null, "score": null, "domain": "x.example", "big": 9_223_372_036_854_775_807_i64,
        "first_name": "A", "last_name": "B"});
    assert_eq!(outputs["output"], expected);
    assert_eq!(metadata, json!({"requests": 1, "found": 0}));
}

#[test]
fn what_is_not_known_fails_or_is_null_as_configured() {
    for operation in ["enrichPerson", "enrichCompany", "enrichCombined"] {
        let lead = json!({"email": "a@b.example", "domain": "b.example"});
        for host in [always(404, &[], "<html>"), always(200, &[], r#"{"data": null}"#)] {
            let failure = call(&host, &json!({"operation": operation}), &lead).unwrap_err();
            assert_eq!(failure.code(), codes::NOT_FOUND, "{operation}");
            let config = json!({"operation": operation, "onNotFound": "null"});
            assert_eq!(output(&host, &config, &lead), Value::Null, "{operation}");
            assert_eq!(output(&host, &config, &json!([lead])), json!([null]), "{operation}");
        }
    }
}

#[test]
fn either_half_of_the_combined_profile_may_be_null() {
    let host =
        always(200, &[], r#"{"data": {"person": null, "company": {"name": "X"}}, "meta": {"email": "a@b.example"}}"#);
    let result = output(&host, &json!({"operation": "enrichCombined"}), &json!({"email": "A@B.example"}));
    assert_eq!(result, json!({"person": null, "company": {"name": "X"}, "email": "a@b.example"}));
    assert_eq!(host.sent()[0].url, "https://api.hunter.io/v2/combined/find?email=a%40b.example");
}

#[test]
fn a_lost_connection_is_retryable() {
    let host = Host::new().secret("hunter").respond(|_| Err(Error::Timeout));
    let failure = call(&host, &verifier(), &json!({"email": "a@b.example"})).unwrap_err();
    assert_eq!((failure.code(), failure.is_retryable()), (codes::UPSTREAM_TIMEOUT, true));
}
