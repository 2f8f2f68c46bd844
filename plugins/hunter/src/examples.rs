//! Calls with their exchanges. All people are invented.
//!
//! The mode `demo` serves these exchanges, in their order and the last again and again, to leads that none of them is
//! about: so none of them is an error, and the last of each path is a hit.

use blockyard_sdk::Example;
use serde_json::{Value, json};

pub(crate) fn all() -> Vec<Example> {
    vec![
        domain_search(),
        domain_search_of_many(),
        find_emails(),
        find_by_handle(),
        verify_email(),
        verify_many(),
        count(),
        enrich_person(),
        enrich_companies(),
        enrich_combined(),
    ]
}

fn get(path_and_query: &str) -> Value {
    json!({"method": "GET", "url": format!("https://api.hunter.io/v2{path_and_query}")})
}

fn ok(data: Value, meta: Value) -> Value {
    json!({"status": 200, "body": {"data": data, "meta": meta}})
}

fn with(mut object: Value, fields: Value) -> Value {
    if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
        object.extend(fields);
    }
    object
}

fn ada() -> Value {
    json!({
        "value": "ada@example.com", "type": "personal", "confidence": 94,
        "sources": [{"domain": "example.com", "uri": "http://example.com/team", "extracted_on": "2026-01-02",
            "last_seen_on": "2026-05-02", "still_on_page": true}],
        "first_name": "Ada", "last_name": "Quill", "position": "Head of Growth", "position_raw": "Head of growth",
        "seniority": "executive", "department": "marketing", "linkedin": null, "twitter": null, "phone_number": null,
        "verification": {"date": "2026-06-10", "status": "valid"}
    })
}

fn boris() -> Value {
    json!({
        "value": "boris@example.com", "type": "personal", "confidence": 71, "sources": [],
        "first_name": "Boris", "last_name": "Vale", "position": "Sales Lead", "position_raw": "Sales lead",
        "seniority": "senior", "department": "sales", "linkedin": null, "twitter": null, "phone_number": null,
        "verification": {"date": null, "status": null}
    })
}

fn labs(emails: Value) -> Value {
    json!({
        "domain": "example.com", "disposable": false, "webmail": false, "accept_all": false, "pattern": "{first}",
        "organization": "Example Labs", "country": "FR", "state": null, "linked_domains": [], "emails": emails
    })
}

fn domain_search() -> Example {
    Example::new(
        "The people of a company",
        json!({"operation": "domainSearch", "type": "personal", "department": ["marketing", "sales"]}),
        json!({"domain": "Example.com", "note": "met at the fair"}),
    )
    .exchange(
        get("/domain-search?domain=example.com&limit=10&offset=0&type=personal&department=marketing%2Csales"),
        ok(labs(json!([ada(), boris()])), json!({"results": 2, "limit": 10, "offset": 0})),
    )
    .output(
        "output",
        with(
            labs(json!([ada(), boris()])),
            json!({"meta": {"results": 2, "returned": 2, "complete": true, "stopped": null}}),
        ),
    )
}

fn domain_search_of_many() -> Example {
    let other = |emails: Value| with(labs(emails), json!({"domain": "example.org", "organization": "Example Works"}));
    let cleo = with(boris(), json!({"value": "cleo@example.org", "first_name": "Cleo", "last_name": "Marsh"}));
    let meta = |results: u32, returned: u32| {
        let complete = results == returned;
        json!({"meta": {"results": results, "returned": returned, "complete": complete, "stopped": null}})
    };
    Example::new(
        "The first two addresses of several companies",
        json!({"operation": "domainSearch", "limit": 2}),
        json!([{"domain": "example.org"}, {"company": "Example Labs"}]),
    )
    .exchange(
        get("/domain-search?domain=example.org&limit=2&offset=0"),
        ok(other(json!([cleo])), json!({"results": 1, "limit": 2, "offset": 0})),
    )
    .exchange(
        get("/domain-search?company=Example%20Labs&limit=2&offset=0"),
        ok(labs(json!([ada(), boris()])), json!({"results": 12, "limit": 2, "offset": 0})),
    )
    .output("output", json!([with(other(json!([cleo])), meta(1, 1)), with(labs(json!([ada(), boris()])), meta(12, 2))]))
}

fn found() -> Value {
    json!({
        "first_name": "Ada", "last_name": "Quill", "email": "ada@example.com", "score": 97, "domain": "example.com",
        "accept_all": false, "position": "Head of Growth", "twitter": null, "linkedin_url": null,
        "phone_number": null, "company": "Example Labs", "sources": [],
        "verification": {"date": "2026-06-10", "status": "valid"}
    })
}

fn find_emails() -> Example {
    let miss = json!({
        "first_name": "Nemo", "last_name": "Nought", "email": null, "score": null, "domain": "example.net",
        "accept_all": null, "position": null, "twitter": null, "linkedin_url": null, "phone_number": null,
        "company": null, "sources": [], "verification": {"date": null, "status": null}
    });
    let cleo = with(
        found(),
        json!({"first_name": "Cleo", "last_name": "Marsh", "email": "cleo@example.org", "score": 58,
            "domain": "example.org", "position": "Designer", "company": "Example Works", "accept_all": true,
            "verification": {"date": null, "status": "accept_all"}}),
    );
    Example::new(
        "Addresses of people, one of whom is not known",
        json!({"operation": "emailFinder", "maxDuration": 15}),
        json!([
            {"firstName": "Ada", "lastName": "Quill", "domain": "example.com"},
            {"firstName": "Nemo", "lastName": "Nought", "domain": "example.net"},
            {"firstName": "Cleo", "lastName": "Marsh", "domain": "example.org"}
        ]),
    )
    .exchange(
        get("/email-finder?domain=example.com&first_name=Ada&last_name=Quill&max_duration=15"),
        ok(found(), json!({"params": {"first_name": "Ada", "last_name": "Quill", "full_name": null}})),
    )
    .exchange(
        get("/email-finder?domain=example.net&first_name=Nemo&last_name=Nought&max_duration=15"),
        ok(miss.clone(), json!({})),
    )
    .exchange(
        get("/email-finder?domain=example.org&first_name=Cleo&last_name=Marsh&max_duration=15"),
        ok(cleo.clone(), json!({})),
    )
    .output("output", json!([found(), miss, cleo]))
}

fn find_by_handle() -> Example {
    Example::new(
        "An address by LinkedIn profile",
        json!({"operation": "emailFinder"}),
        json!({"linkedinHandle": "https://www.linkedin.com/in/ada-quill/"}),
    )
    .exchange(get("/email-finder?linkedin_handle=ada-quill"), ok(found(), json!({})))
    .output("output", found())
}

fn verified(email: &str, status: &str, score: u32) -> Value {
    json!({
        "status": status, "result": if status == "valid" { "deliverable" } else { "undeliverable" }, "score": score,
        "email": email, "regexp": true, "gibberish": false, "disposable": false, "webmail": false, "mx_records": true,
        "smtp_server": true, "smtp_check": status == "valid", "accept_all": false, "block": false, "sources": []
    })
}

fn verify_email() -> Example {
    let request = get("/email-verifier?email=ada%40example.com");
    Example::new(
        "A verification that takes a while",
        json!({"operation": "emailVerifier"}),
        json!({"email": "Ada@example.com"}),
    )
    .exchange(request.clone(), json!({"status": 202}))
    .exchange(request, ok(verified("ada@example.com", "valid", 100), json!({"params": {"email": "ada@example.com"}})))
    .output("output", verified("ada@example.com", "valid", 100))
}

fn verify_many() -> Example {
    Example::new(
        "Several addresses",
        json!({"operation": "emailVerifier"}),
        json!([{"email": "boris@example.com"}, {"email": "cleo@example.org"}]),
    )
    .exchange(
        get("/email-verifier?email=boris%40example.com"),
        ok(verified("boris@example.com", "invalid", 5), json!({})),
    )
    .exchange(get("/email-verifier?email=cleo%40example.org"), ok(verified("cleo@example.org", "valid", 98), json!({})))
    .output("output", json!([verified("boris@example.com", "invalid", 5), verified("cleo@example.org", "valid", 98)]))
}

fn count() -> Example {
    let counted = json!({
        "total": 12, "personal_emails": 10, "generic_emails": 2,
        "department": {"executive": 2, "it": 1, "finance": 0, "management": 1, "sales": 3, "legal": 0, "support": 1,
            "hr": 0, "marketing": 2, "communication": 0},
        "seniority": {"junior": 2, "senior": 3, "executive": 2}
    });
    Example::new("How many addresses are known", json!({"operation": "emailCount"}), json!({"domain": "example.com"}))
        .exchange(get("/email-count?domain=example.com"), ok(counted.clone(), json!({"params": {"company": null}})))
        .output("output", with(counted, json!({"domain": "example.com"})))
}

fn person() -> Value {
    json!({
        "id": "7f1e6d3a-0000-4000-8000-000000000001",
        "name": {"fullName": "Ada Quill", "givenName": "Ada", "familyName": "Quill"}, "email": "ada@example.com",
        "location": "Lyon, France", "employment": {"domain": "example.com", "name": "Example Labs",
            "title": "Head of Growth", "role": "marketing", "seniority": "executive"},
        "linkedin": {"handle": "ada-quill"}, "twitter": {"handle": null}, "phone": null
    })
}

fn company() -> Value {
    json!({
        "id": "7f1e6d3a-0000-4000-8000-000000000002", "name": "Example Labs", "domain": "example.com",
        "description": "Automation software", "foundedYear": 2018, "location": "Lyon, France",
        "category": {"industry": "Software", "sector": "Technology"},
        "metrics": {"employees": "11-50", "employeesRange": "11-50"}, "tech": ["nginx"], "tags": ["b2b"]
    })
}

fn enrich_person() -> Example {
    Example::new("A person's profile", json!({"operation": "enrichPerson"}), json!({"email": "ada@example.com"}))
        .exchange(get("/people/find?email=ada%40example.com"), ok(person(), json!({"email": "ada@example.com"})))
        .output("output", person())
}

fn enrich_companies() -> Example {
    let other = with(company(), json!({"name": "Example Works", "domain": "example.org", "foundedYear": 2011}));
    Example::new(
        "Companies, where an unknown one would be null",
        json!({"operation": "enrichCompany", "onNotFound": "null"}),
        json!([{"domain": "example.com"}, {"domain": "example.org"}]),
    )
    .exchange(get("/companies/find?domain=example.com"), ok(company(), json!({"domain": "example.com"})))
    .exchange(get("/companies/find?domain=example.org"), ok(other.clone(), json!({"domain": "example.org"})))
    .output("output", json!([company(), other]))
}

fn enrich_combined() -> Example {
    let both = json!({"person": person(), "company": company()});
    Example::new(
        "A person and the company",
        json!({"operation": "enrichCombined", "email": "ada@example.com"}),
        json!({}),
    )
    .exchange(get("/combined/find?email=ada%40example.com"), ok(both.clone(), json!({"email": "ada@example.com"})))
    .output("output", with(both, json!({"email": "ada@example.com"})))
}
