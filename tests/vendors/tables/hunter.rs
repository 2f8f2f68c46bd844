//! Hunter: its own errors by a document of this project, its requests by a third party's as well.

use serde_json::json;

use super::hunter_errors::{defined_errors, told_errors};
use crate::table::{Change, Is, Operation, Origin, Suite, Vendor};

const BLOCK: &str = "api.hunter";
const VERIFY: &str = "GET /email-verifier";

pub(crate) fn vendor() -> Vendor {
    Vendor {
        name: "Hunter",
        base: "https://api.hunter.io/v2",
        secret: "hunter",
        secret_header: "x-api-key",
        granted_to: None,
        suites: vec![project(), third_party()],
    }
}

fn project() -> Suite {
    let operations = [searches(), finders(), enrichments()].into_iter().flatten().collect();
    Suite {
        document: "hunter.json",
        origin: Origin::Project,
        operations,
        errors: defined_errors(),
        told: told_errors(),
    }
}

fn searches() -> Vec<Operation> {
    let full = json!({
        "operation": "domainSearch", "limit": 100, "type": "personal", "seniority": ["senior", "executive"],
        "department": ["it", "marketing"], "requiredField": "full_name", "verificationStatus": "valid",
        "jobTitles": ["CTO", "Head of Growth"]
    });
    let ada = || Is::Equal(json!("ada@example.com"));
    vec![
        Operation::new(
            "domainSearch",
            BLOCK,
            json!({"operation": "domainSearch"}),
            json!({"domain": "example.com"}),
            "GET /domain-search",
        )
        .expect("/output/emails", Is::List(1))
        .expect("/output/emails/0/value", ada())
        .expect("/output/meta/complete", Is::Equal(json!(true))),
        Operation::new("domainSearch filtered", BLOCK, full, json!({"company": "Example Labs"}), "GET /domain-search")
            .expect("/output/emails/0/value", ada())
            .without_errors(),
        Operation::new(
            "domainSearch of many",
            BLOCK,
            json!({"operation": "domainSearch", "limit": 1}),
            json!([{"domain": "example.com"}, {"domain": "example.org"}]),
            "GET /domain-search",
        )
        .then("GET /domain-search")
        .expect("/output", Is::List(2))
        .expect("/metadata/failed", Is::Equal(json!(0)))
        .without_errors(),
    ]
}

fn finders() -> Vec<Operation> {
    vec![
        Operation::new(
            "emailFinder",
            BLOCK,
            json!({"operation": "emailFinder", "maxDuration": 20}),
            json!({"firstName": "Ada", "lastName": "Quill", "domain": "example.com"}),
            "GET /email-finder",
        )
        .expect("/output/email", Is::Equal(json!("ada@example.com")))
        .expect("/output/score", Is::Number),
        Operation::new(
            "emailFinder by handle",
            BLOCK,
            json!({"operation": "emailFinder"}),
            json!({"linkedinHandle": "https://www.linkedin.com/in/ada-quill/"}),
            "GET /email-finder",
        )
        .expect("/output/email", Is::Text)
        .without_errors(),
        verifier("emailVerifier"),
        verifier("emailVerifier, asked twice").then(VERIFY).once(0, 202).waits(1),
        Operation::new(
            "emailCount",
            BLOCK,
            json!({"operation": "emailCount", "type": "personal"}),
            json!({"domain": "example.com"}),
            "GET /email-count",
        )
        .anonymous()
        .expect("/output/total", Is::Number),
    ]
}

fn verifier(name: &'static str) -> Operation {
    let config = json!({"operation": "emailVerifier"});
    Operation::new(name, BLOCK, config, json!({"email": "Ada@Example.com"}), VERIFY)
        .expect("/output/status", Is::Equal(json!("valid")))
}

fn enrichments() -> Vec<Operation> {
    let nothing_known = json!({"operation": "enrichPerson", "onNotFound": "null"});
    vec![
        Operation::new(
            "enrichPerson",
            BLOCK,
            json!({"operation": "enrichPerson"}),
            json!({"email": "ada@example.com"}),
            "GET /people/find",
        )
        .expect("/output/name/fullName", Is::Text),
        Operation::new(
            "enrichPerson or null",
            BLOCK,
            nothing_known,
            json!({"linkedinHandle": "ada-quill"}),
            "GET /people/find",
        )
        .expect("/output/name/fullName", Is::Text),
        Operation::new(
            "enrichCompany",
            BLOCK,
            json!({"operation": "enrichCompany"}),
            json!({"domain": "example.com"}),
            "GET /companies/find",
        )
        .expect("/output/name", Is::Text),
        Operation::new(
            "enrichCombined",
            BLOCK,
            json!({"operation": "enrichCombined"}),
            json!({"email": "ada@example.com"}),
            "GET /combined/find",
        )
        .expect("/output/person", Is::Object)
        .expect("/output/company", Is::Object),
    ]
}

/// This document has results without values, and no errors.
fn third_party() -> Suite {
    Suite {
        document: "hunter.thirdparty.json",
        origin: Origin::ThirdParty,
        operations: third_party_operations(),
        errors: Vec::new(),
        told: Vec::new(),
    }
}

fn third_party_operations() -> Vec<Operation> {
    let search = json!({"operation": "domainSearch", "type": "generic", "seniority": ["junior"], "department": ["hr"]});
    vec![
        Operation::new("domainSearch", BLOCK, search, json!({"company": "Example Labs"}), "GET /domain-search")
            .mend("GET /domain-search", Change::Body("/meta/results", json!(1)))
            .expect("/output/emails", Is::List(1))
            .expect("/output/emails/0/verification", Is::Object),
        Operation::new(
            "emailFinder",
            BLOCK,
            json!({"operation": "emailFinder", "maxDuration": 3}),
            json!({"fullName": "Ada Quill", "company": "Example Labs"}),
            "GET /email-finder",
        )
        .expect("/output/email", Is::Text),
        Operation::new(
            "emailVerifier",
            BLOCK,
            json!({"operation": "emailVerifier"}),
            json!({"email": "ada@example.com"}),
            VERIFY,
        )
        .expect("/output/status", Is::Text),
        Operation::new(
            "emailCount",
            BLOCK,
            json!({"operation": "emailCount", "type": "generic"}),
            json!({"domain": "example.com"}),
            "GET /email-count",
        )
        .anonymous()
        .expect("/output/total", Is::Number),
    ]
}
