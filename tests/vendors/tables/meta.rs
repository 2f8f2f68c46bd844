//! Meta's custom audiences.

use serde_json::{Value, json};

use super::meta_errors::{defined_errors, told_errors};
use crate::table::{Change, Is, Operation, Origin, Suite, Vendor};

const BLOCK: &str = "api.meta-audience";
const AUDIENCE: &str = "23850000000000001";
const USERS: &str = "POST /23850000000000001/users";

pub(crate) fn vendor() -> Vendor {
    let suite = Suite {
        document: "meta-audiences.json",
        origin: Origin::Project,
        operations: [uploads(), audiences()].into_iter().flatten().collect(),
        errors: defined_errors(),
        told: told_errors(),
    };
    Vendor {
        name: "Meta",
        base: "https://graph.facebook.com/v25.0",
        secret: "meta",
        secret_header: "authorization",
        granted_to: None,
        suites: vec![suite],
    }
}

fn person() -> Value {
    json!({
        "email": " Mary@Example.com", "phone": "+1 (555) 987-6543", "firstName": "Mary", "lastName": "Quill",
        "city": "Menlo Park", "state": "CA", "zip": "94025-1234", "country": "US", "externId": "crm-42",
        "madid": "AB12CD34-0000-0000-0000-000000000000"
    })
}

fn upload(operation: &'static str, request: &'static str) -> Operation {
    let config = json!({"operation": operation, "audienceId": AUDIENCE, "defaultCountry": "US"});
    Operation::new(operation, BLOCK, config, person(), request)
        .expect("/output/audience_id", Is::Equal(json!(AUDIENCE)))
        .expect("/output/numReceived", Is::Number)
        .expect("/output/session_id", Is::Text)
}

/// Two of three people, each in a request, with a complaint of Meta in each answer.
fn batches(name: &'static str) -> Operation {
    let people = json!([person(), {"email": "boris@example.com"}, {"name": "nobody"}]);
    let config = json!({"operation": "addUsers", "audienceId": AUDIENCE, "batchSize": 1});
    Operation::new(name, BLOCK, config, people, USERS)
        .mend(USERS, Change::Body("/num_invalid_entries", json!(1)))
        .expect("/output/batches", Is::Equal(json!(2)))
        .expect("/output/skipped", Is::Equal(json!(1)))
        .expect("/output/numInvalid", Is::Equal(json!(2)))
        .without_errors()
}

fn uploads() -> Vec<Operation> {
    let columns = json!({
        "operation": "addUsers", "audienceId": AUDIENCE, "appIds": ["1001"], "pageIds": ["2002"],
        "fields": {"EMAIL": "email", "FI": "firstName", "GEN": "gender", "DOBY": "birth.year", "DOBM": "birth.month",
            "DOBD": "birth.day", "APPUID": "app", "PAGEUID": "page", "LOOKALIKE_VALUE": "value"}
    });
    let customer = json!({
        "email": "ada@example.com", "firstName": "Ada", "gender": "f", "birth": {"year": 1990, "month": 2, "day": 3},
        "app": "77", "page": "88", "value": 12.5
    });
    vec![
        upload("addUsers", USERS),
        upload("removeUsers", "DELETE /23850000000000001/users"),
        upload("replaceUsers", "POST /23850000000000001/usersreplace"),
        batches("addUsers in batches").then(USERS),
        batches("addUsers in batches, one sent twice").then(USERS).then(USERS).once(1, 500).waits(1),
        Operation::new("addUsers, other columns", BLOCK, columns, customer, USERS)
            .expect("/output/numReceived", Is::Number)
            .without_errors(),
    ]
}

fn audiences() -> Vec<Operation> {
    let create = json!({
        "operation": "createAudience", "adAccountId": "act_120330000", "customerFileSource": "PARTNER_PROVIDED_ONLY",
        "retentionDays": 30, "isValueBased": true
    });
    let audience = json!({"name": "Customers", "description": "All of them"});
    vec![
        Operation::new("createAudience", BLOCK, create, audience, "POST /act_120330000/customaudiences")
            .expect("/output/id", Is::Text)
            .expect("/output/name", Is::Equal(json!("Customers"))),
        Operation::new(
            "readAudience",
            BLOCK,
            json!({"operation": "readAudience"}),
            json!({"audience_id": AUDIENCE}),
            "GET /23850000000000001",
        )
        .expect("/output/id", Is::Text),
    ]
}
