//! Apollo.

use serde_json::{Value, json};

use crate::table::Retry::{After, Never, Yes};
use crate::table::{Defined, Is, Operation, Origin, Suite, Told, Vendor, defined, told};

const BLOCK: &str = "api.apollo";

pub(crate) fn vendor() -> Vendor {
    let suite = Suite {
        document: "apollo.json",
        origin: Origin::Project,
        operations: [people(), organizations()].into_iter().flatten().collect(),
        errors: defined_errors(),
        told: told_errors(),
    };
    Vendor {
        name: "Apollo",
        base: "https://api.apollo.io/api/v1",
        secret: "apollo",
        secret_header: "x-api-key",
        granted_to: None,
        suites: vec![suite],
    }
}

fn filters() -> Value {
    json!({
        "person_titles": ["head of growth"], "include_similar_titles": false, "q_keywords": "growth",
        "person_locations": ["France"], "person_seniorities": ["c_suite", "head"],
        "organization_locations": ["Lyon"], "q_organization_domains_list": ["example.com"],
        "contact_email_status": ["verified", "likely to engage"], "organization_ids": ["55aa11bb22cc33dd44ee55ff"],
        "organization_num_employees_ranges": ["1,10", "11,50"], "revenue_range": {"min": 1_000, "max": 9_000_000},
        "currently_using_all_of_technology_uids": ["rust"], "currently_using_any_of_technology_uids": ["wasm"],
        "currently_not_using_any_of_technology_uids": ["cobol"], "q_organization_job_titles": ["engineer"],
        "organization_job_locations": ["Lyon"], "organization_num_jobs_range": {"min": 1},
        "organization_job_posted_at_range": {"min": "2026-01-01", "max": "2026-02-01"}
    })
}

/// With all that arrives later.
fn waterfall(operation: &str) -> Value {
    json!({
        "operation": operation, "revealPersonalEmails": true, "revealPhoneNumber": true, "runWaterfallEmail": true,
        "runWaterfallPhone": true, "webhookUrl": "https://hooks.example.com/apollo"
    })
}

fn people() -> Vec<Operation> {
    let lead = json!({"firstName": "Ada", "lastName": "Quill", "domain": "example.com"});
    let alone = json!({"operation": "matchPerson"});
    let leads = json!([lead, {"email": "boris@example.com"}]);
    vec![
        Operation::new(
            "peopleSearch",
            BLOCK,
            json!({"operation": "peopleSearch", "limit": 2, "filters": filters()}),
            json!({}),
            "POST /mixed_people/api_search",
        )
        .expect("/output/people/0/id", Is::Text)
        .expect("/output/total_entries", Is::Number),
        Operation::new("matchPerson", BLOCK, alone.clone(), lead.clone(), "POST /people/match")
            .expect("/output/found", Is::Equal(json!(true)))
            .expect("/output/person/id", Is::Text),
        Operation::new("matchPerson with waterfall", BLOCK, waterfall("matchPerson"), lead, "POST /people/match")
            .expect("/output/person/id", Is::Text),
        Operation::new("bulkMatch", BLOCK, json!({"operation": "bulkMatch"}), leads.clone(), "POST /people/bulk_match")
            .expect("/output", Is::List(2))
            .expect("/output/0/found", Is::Equal(json!(true))),
        Operation::new(
            "bulkMatch with waterfall",
            BLOCK,
            waterfall("bulkMatch"),
            leads.clone(),
            "POST /people/bulk_match",
        )
        .expect("/output", Is::List(2))
        .without_errors(),
        Operation::new("matchPerson of many", BLOCK, alone, leads, "POST /people/bulk_match")
            .expect("/output", Is::List(2))
            .without_errors(),
    ]
}

fn organizations() -> Vec<Operation> {
    let all = json!({
        "domain": "example.com", "linkedinUrl": "https://www.linkedin.com/company/example-labs",
        "organizationName": "Example Labs", "website": "https://www.example.com"
    });
    vec![
        Operation::new(
            "enrichOrganization",
            BLOCK,
            json!({"operation": "enrichOrganization"}),
            all,
            "GET /organizations/enrich",
        )
        .expect("/output/found", Is::Equal(json!(true)))
        .expect("/output/organization/id", Is::Text),
        Operation::new(
            "bulkEnrichOrganizations",
            BLOCK,
            json!({"operation": "bulkEnrichOrganizations"}),
            json!([{"domain": "example.com"}]),
            "POST /organizations/bulk_enrich",
        )
        .expect("/output", Is::List(1))
        .expect("/output/0/organization", Is::Object),
    ]
}

fn defined_errors() -> Vec<Defined> {
    vec![
        defined(400, "invalid-request", Never),
        defined(401, "unauthorized", Never),
        defined(403, "forbidden", Never),
        defined(422, "invalid-request", Never),
        // The mock writes 0 into the header; the wait itself is checked below.
        defined(429, "rate-limited", After(0)),
    ]
}

fn told_errors() -> Vec<Told> {
    let limit =
        json!({"message": "The maximum number of api calls allowed for api/v1/people/match is 600 times per hour."});
    let failed = |code: &str| json!({"status": "failed", "error_code": code, "error_message": "It cannot be done"});
    vec![
        told(200, failed("RECORD_LIMIT_EXCEEDED"), "invalid-request", Never),
        told(400, failed("INVALID_REQUEST"), "invalid-request", Never),
        told(400, json!("{\"status\":\"failed\",\"error_message\":\"missing domains\"}"), "invalid-request", Never),
        told(401, json!({"error": "Invalid token", "error_code": "INVALID_ACCESS_TOKEN"}), "unauthorized", Never),
        told(403, json!({"message": "Your plan does not include this"}), "forbidden", Never),
        told(404, json!({"error": "Not found"}), "not-found", Never),
        told(422, failed("UNKNOWN_ERROR"), "invalid-request", Never),
        told(429, limit, "rate-limited", After(42_000)).header("retry-after", "42"),
        told(500, json!({"error": "Something broke"}), "upstream", Yes),
        told(503, json!("<html></html>"), "upstream", Yes),
    ]
}
