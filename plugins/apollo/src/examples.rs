//! Calls with their exchanges. All people and companies are invented.
//!
//! The mode `demo` serves these exchanges, in their order and the last again and again, to leads that none of them is
//! about: so none of them is an error.

use blockyard_sdk::Example;
use serde_json::{Value, json};

pub(crate) fn all() -> Vec<Example> {
    vec![
        people_search(),
        people_search_of_many(),
        match_person(),
        match_another(),
        match_nobody(),
        match_with_webhook(),
        match_many(),
        bulk_match(),
        enrich_organization(),
        enrich_organizations(),
        bulk_enrich_organizations(),
    ]
}

const ADA: &str = "66f0a1b2c3d4e5f60718293a";

fn post(path: &str, body: Value) -> Value {
    json!({"method": "POST", "url": format!("https://api.apollo.io/api/v1{path}"), "body": body})
}

fn get(path: &str) -> Value {
    json!({"method": "GET", "url": format!("https://api.apollo.io/api/v1{path}")})
}

fn ok(body: Value) -> Value {
    json!({"status": 200, "body": body})
}

fn with(mut object: Value, fields: Value) -> Value {
    if let (Value::Object(object), Value::Object(fields)) = (&mut object, fields) {
        object.extend(fields);
    }
    object
}

fn masked(id: &str, first: &str, last: &str, title: &str) -> Value {
    json!({
        "id": id, "first_name": first, "last_name_obfuscated": last, "title": title,
        "last_refreshed_at": "2026-01-05T10:00:00.000+00:00", "has_email": true, "has_city": true, "has_state": false,
        "has_country": true, "has_direct_phone": "Yes",
        "organization": {"name": "Example Labs", "has_industry": true, "has_phone": false, "has_city": true,
            "has_state": true, "has_country": true, "has_zip_code": false, "has_revenue": false,
            "has_employee_count": true}
    })
}

fn people() -> Value {
    json!([
        masked(ADA, "Ada", "Qu***l", "Head of Growth"),
        masked("66f0a1b2c3d4e5f60718293b", "Boris", "Va***e", "Growth Lead")
    ])
}

fn organization() -> Value {
    json!({
        "id": "55aa11bb22cc33dd44ee55ff", "name": "Example Labs", "website_url": "http://www.example.com",
        "primary_domain": "example.com", "linkedin_url": null, "phone": null, "industry": "computer software",
        "keywords": ["automation"], "estimated_num_employees": 42, "founded_year": 2018, "city": "Lyon",
        "state": null, "country": "France", "annual_revenue": null, "short_description": null,
        "technology_names": []
    })
}

fn works() -> Value {
    let fields = json!({
        "id": "55aa11bb22cc33dd44ee5600", "name": "Example Works", "website_url": "http://www.example.org",
        "primary_domain": "example.org", "industry": "design", "estimated_num_employees": 7, "city": "Graz",
        "country": "Austria"
    });
    with(organization(), fields)
}

fn ada() -> Value {
    json!({
        "id": ADA, "first_name": "Ada", "last_name": "Quill", "name": "Ada Quill", "title": "Head of Growth",
        "headline": "Head of Growth at Example Labs", "linkedin_url": "http://www.linkedin.com/in/ada-quill",
        "email": "ada@example.com", "email_status": "verified", "photo_url": null, "city": "Lyon", "state": null,
        "country": "France", "organization_id": "55aa11bb22cc33dd44ee55ff", "organization": organization(),
        "seniority": "head", "departments": ["master_marketing"], "functions": ["marketing"],
        "employment_history": []
    })
}

fn cleo() -> Value {
    let fields = json!({
        "id": "66f0a1b2c3d4e5f60718293c", "first_name": "Cleo", "last_name": "Marsh", "name": "Cleo Marsh",
        "title": "Designer", "headline": null, "linkedin_url": null, "email": "cleo@example.org", "city": "Graz",
        "country": "Austria", "organization_id": "55aa11bb22cc33dd44ee5600", "organization": works(),
        "seniority": "senior", "departments": ["design"], "functions": ["design"]
    });
    with(ada(), fields)
}

fn people_search() -> Example {
    let filters = json!({
        "person_titles": ["head of growth"], "person_seniorities": ["head", "manager"],
        "organization_num_employees_ranges": ["11,50"]
    });
    Example::new(
        "People by title and size of company",
        json!({"operation": "peopleSearch", "filters": filters}),
        json!({}),
    )
    .exchange(
        post("/mixed_people/api_search", with(filters.clone(), json!({"page": 1, "per_page": 100}))),
        ok(json!({"total_entries": 2, "people": people()})),
    )
    .output(
        "output",
        json!({"people": people(), "total_entries": 2, "complete": true, "stopped": null, "requested": filters}),
    )
}

fn people_search_of_many() -> Example {
    let body = |domain: &str, page: u32| json!({"person_seniorities": ["founder"], "q_organization_domains_list": [domain], "page": page, "per_page": 2});
    let nobody = json!({
        "people": [], "total_entries": 0, "complete": true, "stopped": null,
        "requested": {"person_seniorities": ["founder"], "q_organization_domains_list": ["example.net"]}
    });
    let some = json!({
        "people": people(), "total_entries": 9, "complete": false, "stopped": null,
        "requested": {"person_seniorities": ["founder"], "q_organization_domains_list": ["example.com"]}
    });
    Example::new(
        "The first two founders of several companies",
        json!({"operation": "peopleSearch", "limit": 2, "filters": {"person_seniorities": ["founder"]}}),
        json!([{"domain": "https://www.example.net/"}, {"domain": "example.com"}]),
    )
    .exchange(post("/mixed_people/api_search", body("example.net", 1)), ok(json!({"total_entries": 0, "people": []})))
    .exchange(
        post("/mixed_people/api_search", body("example.com", 1)),
        ok(json!({"total_entries": 9, "people": people()})),
    )
    .output("output", json!([nobody, some]))
}

fn match_person() -> Example {
    Example::new(
        "A person by name and company",
        json!({"operation": "matchPerson"}),
        json!({"firstName": "Ada", "lastName": "Quill", "domain": "example.com", "score": 72}),
    )
    .exchange(
        post("/people/match", json!({"first_name": "Ada", "last_name": "Quill", "domain": "example.com"})),
        ok(json!({"person": ada()})),
    )
    .output(
        "output",
        json!({"found": true, "person": ada(),
            "requested": {"first_name": "Ada", "last_name": "Quill", "domain": "example.com"}}),
    )
}

fn match_another() -> Example {
    let cleo_asked = json!({"first_name": "Cleo", "last_name": "Marsh", "domain": "example.org"});
    Example::new(
        "A designer by name and company",
        json!({"operation": "matchPerson"}),
        json!({"firstName": "Cleo", "lastName": "Marsh", "domain": "example.org"}),
    )
    .exchange(post("/people/match", cleo_asked.clone()), ok(json!({"person": cleo()})))
    .output("output", json!({"found": true, "person": cleo(), "requested": cleo_asked}))
}

fn match_nobody() -> Example {
    let asked = json!({"first_name": "Nemo", "last_name": "Nought", "domain": "example.net"});
    Example::new(
        "A person whom Apollo does not know",
        json!({"operation": "matchPerson"}),
        json!({"firstName": "Nemo", "lastName": "Nought", "domain": "example.net"}),
    )
    .exchange(post("/people/match", asked.clone()), ok(json!({"person": null})))
    .output("output", json!({"found": false, "person": null, "requested": asked}))
}

fn match_with_webhook() -> Example {
    let later = json!({
        "request_id": 1_039_995_589_705_121_900_i64,
        "waterfall": {"status": "accepted", "message": "The result will be sent to the webhook."}
    });
    Example::new(
        "A person whose phone number arrives later",
        json!({"operation": "matchPerson", "revealPhoneNumber": true, "webhookUrl": "https://hooks.example.com/apollo"}),
        json!({"id": ADA}),
    )
    .exchange(
        post(
            "/people/match",
            json!({"id": ADA, "reveal_phone_number": true, "webhook_url": "https://hooks.example.com/apollo"}),
        ),
        ok(with(json!({"person": ada()}), later.clone())),
    )
    .output("output", with(with(json!({"found": true, "person": ada()}), later), json!({"requested": {"id": ADA}})))
}

fn bulk_answer(matches: Value, found: u32, missing: u32) -> Value {
    ok(json!({
        "status": "success", "error_code": null, "error_message": null,
        "total_requested_enrichments": found + missing, "unique_enriched_records": found, "missing_records": missing,
        "credits_consumed": found, "matches": matches
    }))
}

fn match_many() -> Example {
    Example::new(
        "People of whom one is not known, asked about together",
        json!({"operation": "matchPerson"}),
        json!([{"id": ADA}, {"name": "Nemo Nought", "domain": "example.net"}]),
    )
    .exchange(
        post("/people/bulk_match", json!({"details": [{"id": ADA}, {"name": "Nemo Nought", "domain": "example.net"}]})),
        bulk_answer(json!([ada(), null]), 1, 1),
    )
    .output(
        "output",
        json!([
            {"found": true, "person": ada(), "requested": {"id": ADA}},
            {"found": false, "person": null, "requested": {"name": "Nemo Nought", "domain": "example.net"}}
        ]),
    )
}

fn bulk_match() -> Example {
    Example::new(
        "People by address, with private addresses too",
        json!({"operation": "bulkMatch", "revealPersonalEmails": true}),
        json!([{"email": "Ada@example.com"}, {"email": "cleo@example.org"}]),
    )
    .exchange(
        post(
            "/people/bulk_match?reveal_personal_emails=true",
            json!({"details": [{"email": "ada@example.com"}, {"email": "cleo@example.org"}]}),
        ),
        bulk_answer(json!([ada(), cleo()]), 2, 0),
    )
    .output(
        "output",
        json!([
            {"found": true, "person": ada(), "requested": {"email": "ada@example.com"}},
            {"found": true, "person": cleo(), "requested": {"email": "cleo@example.org"}}
        ]),
    )
}

fn enriched(organization: Value, domain: &str) -> Value {
    json!({"found": true, "organization": organization, "requested": {"domain": domain}})
}

fn enrich_organization() -> Example {
    Example::new(
        "A company's profile",
        json!({"operation": "enrichOrganization"}),
        json!({"domain": "www.example.com"}),
    )
    .exchange(get("/organizations/enrich?domain=example.com"), ok(json!({"organization": organization()})))
    .output("output", enriched(organization(), "example.com"))
}

fn enrich_organizations() -> Example {
    Example::new(
        "Companies one by one",
        json!({"operation": "enrichOrganization"}),
        json!([{"domain": "example.org"}, {"organizationName": "Example Labs"}]),
    )
    .exchange(get("/organizations/enrich?domain=example.org"), ok(json!({"organization": works()})))
    .exchange(get("/organizations/enrich?name=Example%20Labs"), ok(json!({"organization": organization()})))
    .output(
        "output",
        json!([
            enriched(works(), "example.org"),
            {"found": true, "organization": organization(), "requested": {"name": "Example Labs"}}
        ]),
    )
}

fn bulk_enrich_organizations() -> Example {
    Example::new(
        "Companies ten at once",
        json!({"operation": "bulkEnrichOrganizations"}),
        json!([{"domain": "example.com"}, {"domain": "example.net"}, {"domain": "example.org"}]),
    )
    .exchange(
        post(
            "/organizations/bulk_enrich",
            json!({"details": [{"domain": "example.com"}, {"domain": "example.net"}, {"domain": "example.org"}]}),
        ),
        ok(json!({
            "status": "success", "error_code": null, "error_message": null, "total_requested_domains": 3,
            "unique_domains": 3, "unique_enriched_records": 2, "missing_records": 1,
            "organizations": [works(), organization()]
        })),
    )
    .output(
        "output",
        json!([
            enriched(organization(), "example.com"),
            {"found": false, "organization": null, "requested": {"domain": "example.net"}},
            enriched(works(), "example.org")
        ]),
    )
}
