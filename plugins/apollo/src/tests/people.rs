use super::*;

fn matching() -> Value {
    json!({"operation": "matchPerson"})
}

#[test]
fn nobody_found_is_a_result() {
    for body in [r#"{"person": null}"#, "{}", r#"{"person": null, "error_code": null, "error": null}"#] {
        let result = output(&always(200, &[], body), &matching(), &json!({"name": "A B", "email": "A@B.example"}));
        assert_eq!((&result["found"], &result["person"]), (&json!(false), &Value::Null), "{body}");
        assert_eq!(result["requested"], json!({"name": "A B", "email": "a@b.example"}));
    }
    let result = output(&always(200, &[], "{}"), &json!({"operation": "enrichOrganization"}), &json!({"website": "x"}));
    assert_eq!(result, json!({"found": false, "organization": null, "requested": {"website": "x"}}));
}

#[test]
fn request_ids_beyond_doubles_stay_exact() {
    for id in ["1039995589705121901", "-9223372036854775807", "18446744073709551615"] {
        let body = format!(
            r#"{{"person": {{"id": "x", "n": {id}}}, "request_id": {id}, "waterfall": {{"status": "accepted"}}}}"#
        );
        let host = always(200, &[], &body);
        let text =
            host.within(|| testing::run_text::<Apollo>(&matching().to_string(), r#"{"email": "a@b.example"}"#, "{}"));
        let testing::TextOutcome::Done { outputs, .. } = text.unwrap() else { panic!("it suspends") };
        assert_eq!(outputs[0].1.matches(id).count(), 2, "{}", outputs[0].1);
    }
    let body = r#"{"matches": [{"id": "x"}, null], "request_id": 1039995589705121901}"#;
    let host = always(200, &[], body);
    let input = r#"[{"email": "a@b.example"}, {"email": "c@b.example"}]"#;
    let text = host.within(|| testing::run_text::<Apollo>(&matching().to_string(), input, "{}")).unwrap();
    let testing::TextOutcome::Done { outputs, .. } = text else { panic!("it suspends") };
    assert_eq!(outputs[0].1.matches("1039995589705121901").count(), 2, "{}", outputs[0].1);
}

#[test]
fn a_person_is_identified_by_what_the_lead_has() {
    let config = json!({"operation": "matchPerson", "domain": "www.Config.example", "organizationName": "Config"});
    let id = "66f0a1b2c3d4e5f60718293A";
    let table = [
        (json!({"id": id}), json!({"id": id, "organization_name": "Config", "domain": "config.example"})),
        (
            json!({"id": "7", "first_name": "A", "domain": "b.example"}),
            json!({"first_name": "A", "domain": "b.example"}),
        ),
        (json!({"name": "A", "organization_name": "B"}), json!({"name": "A", "organization_name": "B"})),
        (
            json!({"hashedEmail": "ab12", "linkedin_url": "https://x", "domain": "b.example", "firstName": null, "company": {}}),
            json!({"hashed_email": "ab12", "linkedin_url": "https://x", "domain": "b.example"}),
        ),
    ];
    for (lead, body) in table {
        let host = always(200, &[], "{}");
        output(&host, &config, &lead);
        assert_eq!(host.sent()[0].json(), body, "{lead}");
    }
}

#[test]
fn flags_go_into_the_body_for_one_and_into_the_query_for_many() {
    let flags = json!({
        "operation": "matchPerson", "revealPersonalEmails": true, "revealPhoneNumber": true, "runWaterfallEmail": true,
        "runWaterfallPhone": true, "webhookUrl": "https://hooks.example.com/a?b=c"
    });
    let host = always(200, &[], r#"{"matches": [null, null]}"#);
    output(&host, &flags, &json!([{"email": "a@b.example"}]));
    output(&host, &flags, &json!([{"email": "a@b.example"}, {"email": "c@b.example"}]));
    let sent = host.sent();
    let body = json!({
        "email": "a@b.example", "reveal_personal_emails": true, "reveal_phone_number": true,
        "run_waterfall_email": true, "run_waterfall_phone": true, "webhook_url": "https://hooks.example.com/a?b=c"
    });
    assert_eq!((sent[0].json(), sent[0].query().len()), (body, 0));
    assert_eq!(sent[1].json(), json!({"details": [{"email": "a@b.example"}, {"email": "c@b.example"}]}));
    let query = "reveal_personal_emails=true&reveal_phone_number=true&run_waterfall_email=true&run_waterfall_phone=true\
                 &webhook_url=https%3A%2F%2Fhooks.example.com%2Fa%3Fb%3Dc";
    assert_eq!(sent[1].url, format!("https://api.apollo.io/api/v1/people/bulk_match?{query}"));
}

#[test]
fn a_list_of_one_is_a_list_and_costs_one_simple_request() {
    let host = always(200, &[], r#"{"person": {"id": "x"}}"#);
    let results = output(&host, &matching(), &json!([{"email": "a@b.example"}]));
    assert_eq!(results, json!([{"found": true, "person": {"id": "x"}, "requested": {"email": "a@b.example"}}]));
    assert!(host.sent()[0].url.ends_with("/people/match"));
}

#[test]
fn organizations_are_asked_for_by_query() {
    let host = always(200, &[], r#"{"organization": {"id": "o"}}"#);
    let lead =
        json!({"domain": "B.example", "linkedinUrl": "https://l/x y", "organizationName": "B & Co", "website": "b"});
    let config = json!({"operation": "enrichOrganization", "domain": "config.example"});
    output(&host, &config, &json!([lead, {"firstName": 7}]));
    let urls: Vec<_> = host.sent().into_iter().map(|sent| sent.url).collect();
    let base = "https://api.apollo.io/api/v1/organizations/enrich";
    assert_eq!(
        urls[0],
        format!("{base}?domain=b.example&linkedin_url=https%3A%2F%2Fl%2Fx%20y&name=B%20%26%20Co&website=b")
    );
    assert_eq!(urls[1], format!("{base}?domain=config.example"));
}

#[test]
fn one_failed_lead_stands_in_its_place() {
    let host = Host::new().secret("apollo").respond(|sent| match sent.url.contains("bad") {
        true => answer(422, &[], r#"{"error": "no"}"#),
        false => json(&json!({"organization": {"id": "o"}})),
    });
    let config = json!({"operation": "enrichOrganization"});
    let Ended::Done { outputs, metadata } =
        call(&host, &config, &json!([{"domain": "a.example"}, {"domain": "bad.example"}])).unwrap()
    else {
        panic!("it suspends")
    };
    assert_eq!(outputs["output"][0]["found"], true);
    assert_eq!(outputs["output"][1]["error"]["code"], "invalid-request");
    assert_eq!(metadata, json!({"requests": 2, "found": 1, "items": 2, "failed": 1}));
}
