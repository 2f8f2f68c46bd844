use std::cell::Cell;

use super::*;

fn config(limit: u32) -> Value {
    json!({"operation": "peopleSearch", "limit": limit, "filters": {"person_titles": ["cto"]}})
}

fn people(from: u64, count: u64) -> Vec<Value> {
    (from..from + count).map(|n| json!({"id": n, "has_direct_phone": "Yes"})).collect()
}

fn place(sent: &testing::Sent) -> (u64, u64) {
    let body = sent.json();
    (body["page"].as_u64().unwrap(), body["per_page"].as_u64().unwrap())
}

/// A vendor that knows this many people.
fn vendor(known: u64) -> Host {
    Host::new().secret("apollo").respond(move |sent| {
        let (page, size) = place(sent);
        let from = (page - 1) * size;
        json(&json!({"total_entries": known, "people": people(from, size.min(known.saturating_sub(from)))}))
    })
}

fn places(host: &Host) -> Vec<(u64, u64)> {
    host.sent().iter().map(place).collect()
}

#[test]
fn pages_are_fetched_up_to_the_limit() {
    for (known, limit, expected, complete) in [
        (250, 1_000, vec![(1, 100), (2, 100), (3, 100)], true),
        (250, 150, vec![(1, 100), (2, 100)], false),
        (250, 250, vec![(1, 100), (2, 100), (3, 100)], true),
        (250, 30, vec![(1, 30)], false),
        (30, 30, vec![(1, 30)], true),
        (0, 30, vec![(1, 30)], true),
    ] {
        let host = vendor(known);
        let result = output(&host, &config(limit), &json!({}));
        let returned = known.min(u64::from(limit));
        assert_eq!(places(&host), expected, "{known} {limit}");
        assert_eq!(result["people"], json!(people(0, returned)));
        assert_eq!(
            (&result["total_entries"], &result["complete"]),
            (&json!(known), &json!(complete)),
            "{known} {limit}"
        );
    }
}

#[test]
fn no_more_than_five_hundred_pages_are_asked_for() {
    let host =
        Host::new().secret("apollo").respond(|_| json(&json!({"total_entries": 90_000, "people": people(0, 50)})));
    let result = output(&host, &config(50_000), &json!({}));
    assert_eq!(host.sent().len(), 500);
    assert_eq!((result["people"].as_array().unwrap().len(), &result["complete"]), (25_000, &json!(false)));
}

#[test]
fn totals_that_shrink_lie_or_are_missing_end_the_search() {
    for (total, pages) in [(json!(101), 2), (json!(null), 2), (json!("9"), 2), (json!(-5), 2), (json!(1e300), 2)] {
        let host = Host::new().secret("apollo").respond(move |sent| match place(sent).0 {
            1 => json(&json!({"total_entries": 900, "people": people(0, 100)})),
            2 => json(&json!({"total_entries": total.clone(), "people": people(100, 1)})),
            _ => json(&json!({"total_entries": total.clone(), "people": []})),
        });
        let result = output(&host, &config(500), &json!({}));
        assert_eq!(result["people"].as_array().unwrap().len(), 101);
        assert!(host.sent().len() - pages <= 1, "{}", host.sent().len());
    }
    let host = always(200, &[], r#"{"people": null, "pagination": {"total_entries": 0}}"#);
    assert_eq!(output(&host, &config(5), &json!({}))["people"], json!([]));
    let host = always(200, &[], &json!({"people": people(0, 9)}).to_string());
    let result = output(&host, &config(5), &json!({}));
    assert_eq!((result["people"].as_array().unwrap().len(), &result["complete"]), (5, &json!(false)));
}

#[test]
fn a_leads_filters_go_before_the_configs() {
    let host = vendor(0);
    let input = json!([
        {"domain": "https://www.A.example", "title": "x"},
        {"filters": {"person_titles": ["ceo"], "revenue_range": {"min": 9_007_199_254_740_993_u64}, "q_organization_domains_list": ["www.B.example"]}},
        {"filters": null}
    ]);
    let results = output(&host, &config(10), &input);
    let bodies: Vec<_> = host.sent().iter().map(testing::Sent::json).collect();
    assert_eq!(
        bodies[0],
        json!({"person_titles": ["cto"], "q_organization_domains_list": ["a.example"], "page": 1, "per_page": 10})
    );
    let own = json!({"person_titles": ["ceo"], "revenue_range": {"min": 9_007_199_254_740_993_u64}, "q_organization_domains_list": ["b.example"]});
    assert_eq!(results[1]["requested"], own);
    assert_eq!(bodies[2], json!({"person_titles": ["cto"], "page": 1, "per_page": 10}));
    let failure = call(&host, &config(10), &json!({"filters": {"title": "x"}})).unwrap_err();
    assert_eq!((failure.code(), pointer(&failure)), (codes::INVALID_INPUT, "/filters"));
}

#[test]
fn every_filter_goes_out_under_the_vendors_name() {
    let filters = json!({
        "person_titles": ["a"], "include_similar_titles": false, "q_keywords": "k", "person_locations": ["l"],
        "person_seniorities": ["owner", "founder", "c_suite", "partner", "vp", "head", "director", "manager", "senior", "entry", "intern"],
        "organization_locations": ["l"], "q_organization_domains_list": ["a.example"],
        "contact_email_status": ["verified", "unverified", "likely to engage", "unavailable"],
        "organization_ids": ["i"], "organization_num_employees_ranges": ["1,10", "250,500"],
        "revenue_range": {"min": 1, "max": 2}, "currently_using_all_of_technology_uids": ["t"],
        "currently_using_any_of_technology_uids": ["t"], "currently_not_using_any_of_technology_uids": ["t"],
        "q_organization_job_titles": ["j"], "organization_job_locations": ["l"],
        "organization_num_jobs_range": {"min": 1}, "organization_job_posted_at_range": {"min": "2026-01-01", "max": "2026-02-01"}
    });
    let host = vendor(0);
    let config = json!({"operation": "peopleSearch", "filters": filters});
    let validator = jsonschema::draft202012::new(&testing::manifest_of::<Apollo>()["configSchema"]).unwrap();
    assert!(validator.is_valid(&config));
    assert_eq!(output(&host, &config, &json!({}))["requested"], filters);
}

#[test]
fn pages_that_were_fetched_outlive_later_failures() {
    for (status, code, requests) in [(422, "invalid-request", 2), (500, "upstream", 7), (204, "unexpected-response", 2)]
    {
        let host = Host::new().secret("apollo").respond(move |sent| match place(sent).0 {
            1 => json(&json!({"total_entries": 300, "people": people(0, 100)})),
            _ => answer(status, &[], ""),
        });
        let result = output(&host, &config(300), &json!({}));
        assert_eq!((result["people"].as_array().unwrap().len(), &result["complete"]), (100, &json!(false)));
        assert_eq!(result["stopped"]["code"], code);
        assert_eq!(host.sent().len(), requests, "{status}");
    }
}

#[test]
fn a_rate_limit_between_pages_is_waited_for() {
    let limited = Cell::new(false);
    let host = Host::new().secret("apollo").respond(move |sent| match place(sent).0 {
        2 if !limited.replace(true) => answer(429, &[("retry-after", "60")], "{}"),
        page => json(&json!({"total_entries": 200, "people": people((page - 1) * 100, 100)})),
    });
    let first = host.run::<Apollo>(&config(200), &json!({}), &json!({})).unwrap();
    let Ended::Suspended { after_ms: 60_000, state } = first else { panic!("{first:?}") };
    let ended = host.run::<Apollo>(&config(200), &json!({}), &json!({"state": state})).unwrap();
    assert_eq!(ended.output("output").unwrap()["people"], json!(people(0, 200)));
    assert_eq!(host.sent().len(), 3);
}
