use super::*;

fn bulk() -> Value {
    json!({"operation": "bulkMatch"})
}

fn companies() -> Value {
    json!({"operation": "bulkEnrichOrganizations"})
}

fn leads(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"email": format!("{n}@b.example")})).collect()
}

/// Knows everybody whose address begins with an even number.
fn vendor() -> Host {
    Host::new().secret("apollo").respond(|sent| {
        let details = sent.json()["details"].as_array().unwrap().clone();
        let matches: Vec<_> = details
            .iter()
            .map(|one| {
                let email = one["email"].as_str().unwrap();
                let number: usize = email.split('@').next().unwrap().parse().unwrap();
                if number.is_multiple_of(2) { json!({"id": number, "email": email}) } else { Value::Null }
            })
            .collect();
        json(&json!({"status": "success", "error_code": null, "credits_consumed": 2, "matches": matches}))
    })
}

#[test]
fn people_are_asked_about_in_tens_and_come_back_in_order() {
    for (count, batches) in [(1, vec![1]), (10, vec![10]), (11, vec![10, 1]), (25, vec![10, 10, 5])] {
        let host = vendor();
        let Ended::Done { outputs, metadata } = call(&host, &bulk(), &json!(leads(count))).unwrap() else {
            panic!("it suspends")
        };
        let results = outputs["output"].as_array().unwrap();
        assert_eq!(results.len(), count);
        for (index, result) in results.iter().enumerate() {
            let person = if index.is_multiple_of(2) { json!(index) } else { Value::Null };
            assert_eq!((&result["found"], &result["person"]["id"]), (&json!(index.is_multiple_of(2)), &person));
            assert_eq!(result["requested"]["email"], format!("{index}@b.example"));
        }
        let sizes: Vec<_> = host.sent().iter().map(|sent| sent.json()["details"].as_array().unwrap().len()).collect();
        assert_eq!(sizes, batches);
        assert_eq!(metadata["found"], count.div_ceil(2));
        assert_eq!(metadata["credits_consumed"].as_f64(), Some(2.0 * batches.len() as f64));
        assert_eq!((&metadata["items"], &metadata["failed"]), (&json!(count), &json!(0)));
    }
    let one = output(&vendor(), &bulk(), &leads(1)[0]);
    assert_eq!(one["person"]["id"], 0);
}

#[test]
fn a_failed_batch_fails_its_leads_alone() {
    let host = Host::new().secret("apollo").respond(|sent| {
        let details = sent.json()["details"].as_array().unwrap().clone();
        match details.iter().any(|one| one["email"] == "12@b.example") {
            true => answer(422, &[], r#"{"status": "failed", "error_code": "UNKNOWN_ERROR", "error_message": "hm"}"#),
            false => json(&json!({"matches": vec![Value::Null; details.len()]})),
        }
    });
    let mut list = leads(24);
    list[3] = json!({"note": "nobody"});
    let results = output(&host, &bulk(), &json!(list));
    assert_eq!(results[3]["error"]["code"], "invalid-input");
    assert_eq!(results[10]["found"], false);
    for index in 11..21 {
        assert_eq!(results[index]["error"]["details"]["code"], "UNKNOWN_ERROR", "{index}");
    }
    assert_eq!(results[23]["found"], false);
    let strict = json!({"operation": "bulkMatch", "onItemError": "fail"});
    assert_eq!(call(&host, &strict, &json!(leads(24))).unwrap_err().code(), "invalid-request");
    assert_eq!(call(&always(422, &[], ""), &bulk(), &json!(leads(24))).unwrap_err().code(), "invalid-request");
}

#[test]
fn a_rate_limit_keeps_the_batches_that_were_paid_for() {
    let limited = std::cell::Cell::new(false);
    let host = Host::new().secret("apollo").respond(move |sent| {
        let details = sent.json()["details"].as_array().unwrap().len();
        if details == 3 && !limited.replace(true) {
            return answer(429, &[("retry-after", "30")], "{}");
        }
        json(&json!({"matches": vec![json!({"id": "x"}); details]}))
    });
    let first = host.run::<Apollo>(&bulk(), &json!(leads(13)), &json!({})).unwrap();
    let Ended::Suspended { after_ms: 30_000, state } = first else { panic!("{first:?}") };
    let context = json!({"state": state});
    let ended = host.run::<Apollo>(&bulk(), &json!(leads(13)), &context).unwrap();
    let results = ended.output("output").unwrap();
    assert_eq!((results.as_array().unwrap().len(), &results[12]["found"]), (13, &json!(true)));
    assert_eq!(host.sent().len(), 3);
}

#[test]
fn matches_that_leave_out_misses_are_told_apart_by_what_identifies_them() {
    let body = json!({"matches": [
        {"id": "66f0a1b2c3d4e5f60718293b", "email": "new@b.example"},
        {"id": "1", "email": "A@b.example"},
        {"id": "2", "linkedin_url": "http://www.linkedin.com/in/lu/"},
        {"id": "3", "first_name": "Zoë", "last_name": "Ash", "organization": {"primary_domain": "z.example"}}
    ]});
    let list = json!([
        {"email": "nobody@b.example"},
        {"email": "a@b.example"},
        {"linkedinUrl": "https://linkedin.com/in/LU"},
        {"firstName": "zoë", "lastName": "ash", "domain": "z.example"},
        {"firstName": "Zoë", "lastName": "Ash", "domain": "other.example"},
        {"id": "66f0a1b2c3d4e5f60718293b"}
    ]);
    let results = output(&always(200, &[], &body.to_string()), &bulk(), &list);
    let ids: Vec<_> = results.as_array().unwrap().iter().map(|result| result["person"]["id"].clone()).collect();
    assert_eq!(json!(ids), json!([null, "1", "2", "3", null, "66f0a1b2c3d4e5f60718293b"]));
}

#[test]
fn a_result_that_is_nobodys_is_given_to_nobody() {
    let body = r#"{"matches": [{"id": "1", "email": "0@b.example"}, {"id": "9", "email": "stranger@b.example"}]}"#;
    let results = output(&always(200, &[], body), &bulk(), &json!(leads(3)));
    assert_eq!(results[0]["person"]["id"], "1");
    assert_eq!(results[1]["error"]["code"], codes::UNEXPECTED_RESPONSE);
    assert_eq!(results[2]["error"]["code"], codes::UNEXPECTED_RESPONSE);
    let host = always(200, &[], body);
    let demo = host.run::<Apollo>(&bulk(), &json!(leads(3)), &json!({"mode": "demo"})).unwrap();
    let results = demo.output("output").unwrap();
    assert_eq!((&results[1]["person"]["id"], &results[2]["found"]), (&json!("9"), &json!(false)));
}

#[test]
fn companies_come_back_to_the_leads_that_asked_for_them() {
    let body = json!({"organizations": [
        {"id": "c", "name": "Gamma", "website_url": "http://www.c.example/"},
        {"id": "a", "primary_domain": "a.example"},
        null
    ]});
    let list = json!([
        {"domain": "A.example"}, {"domain": "www.a.example"}, {"domain": "b.example"}, {"organizationName": "gamma"},
        {"website": "https://c.example/home"}
    ]);
    let results = output(&always(200, &[], &body.to_string()), &companies(), &list);
    let ids: Vec<_> = results.as_array().unwrap().iter().map(|result| result["organization"]["id"].clone()).collect();
    assert_eq!(json!(ids), json!(["a", "a", null, "c", "c"]));
    let moved = r#"{"organizations": [{"id": "b", "primary_domain": "b.example"}, {"id": "x", "primary_domain": "new.example"}]}"#;
    let results =
        output(&always(200, &[], moved), &companies(), &json!([{"domain": "b.example"}, {"domain": "old.example"}]));
    assert_eq!(results[1]["organization"]["id"], "x");
    assert_eq!(results[1]["requested"], json!({"domain": "old.example"}));
}
