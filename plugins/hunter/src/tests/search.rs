use std::cell::Cell;

use super::*;

const REFUSED: &str = r#"{"errors": [{"id": "pagination_error", "code": 400, "details": "Upgrade your plan"}]}"#;

fn search(limit: u32) -> Value {
    json!({"operation": "domainSearch", "limit": limit})
}

fn lead() -> Value {
    json!({"domain": "b.example"})
}

fn number(sent: &testing::Sent, name: &str) -> u64 {
    sent.query().into_iter().find(|(known, _)| known == name).unwrap().1.parse().unwrap()
}

fn emails(from: u64, count: u64) -> Vec<Value> {
    (from..from + count).map(|n| json!({"value": format!("{n}@b.example")})).collect()
}

fn page(from: u64, count: u64, total: Value) -> Result<Response, Error> {
    let data = json!({"domain": "b.example", "emails": emails(from, count), "pattern": null});
    json(200, &json!({"data": data, "meta": {"results": total}}))
}

/// A vendor that knows this many addresses.
fn vendor(known: u64) -> Host {
    Host::new().secret("hunter").respond(move |sent| {
        let (limit, offset) = (number(sent, "limit"), number(sent, "offset"));
        page(offset, limit.min(known.saturating_sub(offset)), json!(known))
    })
}

fn pages(host: &Host) -> Vec<(u64, u64)> {
    host.sent().iter().map(|sent| (number(sent, "limit"), number(sent, "offset"))).collect()
}

#[test]
fn pages_are_fetched_up_to_the_limit() {
    for (known, limit, expected, complete) in [
        (250, 250, vec![(100, 0), (100, 100), (50, 200)], true),
        (250, 10_000, vec![(100, 0), (100, 100), (100, 200)], true),
        (250, 130, vec![(100, 0), (30, 100)], false),
        (5, 10, vec![(10, 0)], true),
        (0, 10, vec![(10, 0)], true),
        (100, 100, vec![(100, 0)], true),
    ] {
        let host = vendor(known);
        let result = output(&host, &search(limit), &lead());
        let returned = known.min(u64::from(limit));
        assert_eq!(pages(&host), expected, "{known} {limit}");
        assert_eq!(result["emails"], json!(emails(0, returned)));
        let meta = json!({"results": known, "returned": returned, "complete": complete, "stopped": null});
        assert_eq!(result["meta"], meta);
    }
}

#[test]
fn the_free_plan_gives_its_ten_and_says_why_there_are_no_more() {
    for refuses_large_pages in [false, true] {
        let host = Host::new().secret("hunter").respond(move |sent| {
            let (limit, offset) = (number(sent, "limit"), number(sent, "offset"));
            if offset >= 10 || refuses_large_pages && limit > 10 {
                return answer(400, &[], REFUSED);
            }
            page(0, 10, json!(77))
        });
        let result = output(&host, &search(25), &lead());
        assert_eq!(result["emails"].as_array().unwrap().len(), 10);
        let stopped = json!({"code": "invalid-request", "id": "pagination_error", "message": "Upgrade your plan"});
        assert_eq!(result["meta"], json!({"results": 77, "returned": 10, "complete": false, "stopped": stopped}));
    }
    let failure = call(&always(400, &[], REFUSED), &search(10), &lead()).unwrap_err();
    assert_eq!(failure.details().unwrap()["id"], "pagination_error");
}

#[test]
fn totals_that_shrink_or_lie_and_pages_of_odd_sizes_end_the_search() {
    let shrinking = Host::new().secret("hunter").respond(|sent| match number(sent, "offset") {
        0 => page(0, 100, json!(300)),
        _ => page(100, 20, json!(120)),
    });
    assert_eq!(output(&shrinking, &search(300), &lead())["meta"]["returned"], 120);
    let empty = Host::new().secret("hunter").respond(|sent| match number(sent, "offset") {
        0 => page(0, 100, json!(300)),
        _ => page(0, 0, json!(300)),
    });
    assert_eq!(output(&empty, &search(300), &lead())["meta"]["returned"], 100);
    let too_long = Host::new().secret("hunter").respond(|_| page(0, 40, json!(40)));
    let result = output(&too_long, &search(7), &lead());
    assert_eq!((&result["meta"]["returned"], &result["meta"]["complete"]), (&json!(7), &json!(false)));
    for total in [json!(null), json!("many"), json!(-1), json!(1e300)] {
        let host = Host::new().secret("hunter").respond(move |sent| match number(sent, "offset") {
            0 => page(0, 100, total.clone()),
            _ => page(100, 3, total.clone()),
        });
        assert_eq!(output(&host, &search(300), &lead())["meta"]["returned"], 103);
    }
}

#[test]
fn pages_that_were_paid_for_outlive_later_failures() {
    let failing = |status: u16, headers: &'static [(&str, &str)]| {
        Host::new().secret("hunter").respond(move |sent| match number(sent, "offset") {
            0 => page(0, 100, json!(300)),
            _ => answer(status, headers, ""),
        })
    };
    for (status, code, requests) in [(402, "quota-exceeded", 2), (500, "upstream", 7), (204, "unexpected-response", 2)]
    {
        let host = failing(status, &[]);
        let result = output(&host, &search(300), &lead());
        assert_eq!((&result["meta"]["returned"], &result["meta"]["complete"]), (&json!(100), &json!(false)));
        assert_eq!(result["meta"]["stopped"]["code"], code);
        assert_eq!(host.sent().len(), requests, "{status}");
    }
    let host = failing(429, &[("retry-after", "9")]);
    let first = host.run::<Hunter>(&search(300), &lead(), &json!({})).unwrap();
    assert!(matches!(first, Ended::Suspended { after_ms: 9_000, .. }), "{first:?}");
}

#[test]
fn a_page_that_comes_at_the_second_try_is_taken() {
    let failed = Cell::new(false);
    let host = Host::new().secret("hunter").respond(move |sent| match number(sent, "offset") {
        100 if !failed.replace(true) => answer(403, &[], r#"{"errors": [{"details": "Rate limit reached"}]}"#),
        offset => page(offset, 100, json!(300)),
    });
    let result = output(&host, &search(300), &lead());
    assert_eq!(result["meta"], json!({"results": 300, "returned": 300, "complete": true, "stopped": null}));
    assert_eq!(result["emails"][299]["value"], "299@b.example");
    assert_eq!(host.sent().len(), 4);
}

#[test]
fn filters_go_into_the_query_and_the_domain_before_the_company() {
    let config = json!({
        "operation": "domainSearch", "company": "Config", "type": "generic", "seniority": ["senior", "executive"],
        "department": ["it"], "requiredField": "phone_number", "verificationStatus": "accept_all",
        "jobTitles": ["cto", "Chief & Co"]
    });
    let host = always(200, &[], r#"{"data": {}, "meta": {}}"#);
    let result = output(&host, &config, &json!([{"domain": "B.Example", "company": "X"}, {"company": "X"}, {}]));
    let rest = "limit=10&offset=0&type=generic&seniority=senior%2Cexecutive&department=it&required_field=phone_number\
                &verification_status=accept_all&job_titles=cto%2CChief%20%26%20Co";
    let urls: Vec<_> = host.sent().into_iter().map(|sent| sent.url).collect();
    for (url, start) in urls.iter().zip(["domain=b.example", "company=X", "company=Config"]) {
        assert_eq!(*url, format!("https://api.hunter.io/v2/domain-search?{start}&{rest}"));
    }
    assert_eq!((&result[0]["domain"], &result[0]["emails"]), (&json!("b.example"), &json!([])));
}

#[test]
fn a_page_of_another_shape_is_unexpected() {
    for body in [r#"{"data": []}"#, r#"{"data": {"emails": {}}}"#, r#"{"data": {"emails": "x"}}"#, "{\"data\"", ""] {
        let failure = call(&always(200, &[], body), &search(10), &lead()).unwrap_err();
        assert_eq!(failure.code(), codes::UNEXPECTED_RESPONSE, "{body}");
    }
}
