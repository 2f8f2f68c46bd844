//! Calls with their results; their exchanges are the demo's data.

use blockyard_sdk::Example;
use serde_json::{Value, json};

pub(crate) fn all() -> [Example; 5] {
    [synchronous(), start_and_poll(), list(), dataset_items(), instagram()]
}

fn post(path: &str, body: Value) -> Value {
    json!({"method": "POST", "url": format!("https://api.apify.com/v2/{path}"), "body": body})
}

fn get(path: &str) -> Value {
    json!({"method": "GET", "url": format!("https://api.apify.com/v2/{path}")})
}

fn run(id: &str, status: &str) -> Value {
    let finished = if status == "SUCCEEDED" { json!("2026-01-05T10:00:31.402Z") } else { Value::Null };
    json!({"data": {
        "id": id, "actId": "shu8hvrXbJbY3Eb9W", "userId": "uS3rEXAMPLE", "startedAt": "2026-01-05T10:00:00.000Z",
        "finishedAt": finished, "status": status, "statusMessage": "", "exitCode": null, "meta": {"origin": "API"},
        "stats": {"restartCount": 0, "computeUnits": 0.01},
        "options": {"build": "latest", "timeoutSecs": 3600, "memoryMbytes": 1024, "diskMbytes": 2048},
        "buildId": "bld1EXAMPLE", "buildNumber": "0.0.36", "generalAccess": "RESTRICTED",
        "defaultKeyValueStoreId": format!("kvs-{id}"), "defaultDatasetId": format!("ds-{id}"),
        "defaultRequestQueueId": format!("rq-{id}"), "usageTotalUsd": 0.012
    }})
}

fn page(items: Value, offset: u64, limit: u64, total: u64) -> Value {
    let count = items.as_array().map_or(0, Vec::len);
    json!({"status": 200, "body": items, "headers": {
        "content-type": "application/json; charset=utf-8",
        "x-apify-pagination-offset": offset.to_string(),
        "x-apify-pagination-limit": limit.to_string(),
        "x-apify-pagination-count": count.to_string(),
        "x-apify-pagination-total": total.to_string(),
    }})
}

fn synchronous() -> Example {
    let contact = json!({"url": "https://books.example.com/", "emails": ["hello@books.example.com"], "phones": []});
    Example::new(
        "Scrape one site at once",
        json!({
            "operation": "runSync", "actorId": "example-owner/contact-scraper", "input": {"maxDepth": 1},
            "runOptions": {"timeoutSecs": 120, "memoryMbytes": 512}, "itemOptions": {"clean": true}, "limit": 100
        }),
        json!({"startUrl": "https://books.example.com/"}),
    )
    .exchange(
        post(
            "actors/example-owner~contact-scraper/run-sync-get-dataset-items?timeout=120&memory=512&clean=true&limit=100",
            json!({"maxDepth": 1, "startUrl": "https://books.example.com/"}),
        ),
        json!({"status": 201, "body": [contact]}),
    )
    .output("output", json!([contact]))
}

fn start_and_poll() -> Example {
    let jobs = [
        json!({"id": 1, "title": "Data engineer", "company": "Example Analytics", "salary": 84000}),
        json!({"id": 2, "title": "Editor", "company": "Example Press", "salary": null}),
    ];
    Example::new(
        "Start a run and wait for it",
        json!({"operation": "run", "actorId": "example-owner/job-board", "limit": 50}),
        json!({"query": "remote", "country": "PT"}),
    )
    .exchange(
        post("actors/example-owner~job-board/runs", json!({"country": "PT", "query": "remote"})),
        json!({"status": 201, "body": run("HG7ML7M8z78YcAPEB", "READY")}),
    )
    .exchange(
        get("actor-runs/HG7ML7M8z78YcAPEB?waitForFinish=20"),
        json!({"status": 200, "body": run("HG7ML7M8z78YcAPEB", "RUNNING")}),
    )
    .exchange(
        get("actor-runs/HG7ML7M8z78YcAPEB?waitForFinish=20"),
        json!({"status": 200, "body": run("HG7ML7M8z78YcAPEB", "SUCCEEDED")}),
    )
    .exchange(get("datasets/ds-HG7ML7M8z78YcAPEB/items?format=json&offset=0&limit=50"), page(json!(jobs), 0, 50, 2))
    .output("output", json!(jobs))
}

fn list() -> Example {
    let towns = [("Porto", "r1EXAMPLE"), ("Ghent", "r2EXAMPLE")];
    let place = |town: &str| json!([{"title": format!("Café {town}"), "city": town, "stars": 4.6}]);
    let example = Example::new(
        "A run for each item of a list",
        json!({
            "operation": "run", "actorId": "example-owner~places", "input": {"search": "café"}, "limit": 20,
            "itemOptions": {"fields": ["title", "city", "stars"]}
        }),
        json!([{"city": "Porto"}, {"city": "Ghent"}]),
    );
    let example = towns.iter().fold(example, |example, (town, id)| {
        example
            .exchange(
                post("actors/example-owner~places/runs", json!({"search": "café", "city": town})),
                json!({"status": 201, "body": run(id, "READY")}),
            )
            .exchange(
                get(&format!("actor-runs/{id}?waitForFinish=20")),
                json!({"status": 200, "body": run(id, "SUCCEEDED")}),
            )
            .exchange(
                get(&format!("datasets/ds-{id}/items?format=json&offset=0&limit=20&fields=title%2Ccity%2Cstars")),
                page(place(town), 0, 20, 1),
            )
    });
    example.output("output", json!([place("Porto"), place("Ghent")]))
}

fn dataset_items() -> Example {
    Example::new(
        "Read a dataset, newest first",
        json!({"operation": "datasetItems", "itemOptions": {"desc": true, "omit": ["debug"]}, "limit": 2}),
        json!({"datasetId": "WkzbQMuFYuamGv3YF"}),
    )
    .exchange(
        get("datasets/WkzbQMuFYuamGv3YF/items?format=json&offset=0&limit=2&omit=debug&desc=true"),
        page(json!([{"url": "https://example.org/3"}, {"url": "https://example.org/2"}]), 0, 2, 3),
    )
    .output("output", json!([{"url": "https://example.org/3"}, {"url": "https://example.org/2"}]))
}

fn instagram() -> Example {
    let post_item = json!({
        "id": "3456789012345678901", "type": "Image", "shortCode": "C8xEXAMPLE", "caption": "Morning light #harbour",
        "hashtags": ["harbour"], "mentions": [], "url": "https://www.instagram.com/p/C8xEXAMPLE/", "commentsCount": 4,
        "likesCount": 131, "timestamp": "2026-01-04T07:12:00.000Z", "ownerUsername": "ada.example",
        "ownerFullName": "Ada Example", "ownerId": "1234567", "inputUrl": "https://www.instagram.com/ada.example/"
    });
    let missing = json!({
        "inputUrl": "https://www.instagram.com/nobody_example/", "error": "not_found",
        "errorDescription": "The page does not exist."
    });
    Example::new(
        "Recent posts of leads on Instagram",
        json!({"operation": "instagram", "resultsType": "posts", "resultsLimit": 5, "onlyPostsNewerThan": "30 days"}),
        json!([
            {"name": "Ada Example", "username": "@ada.example"},
            {"name": "Bo Example", "username": "nobody_example"},
            {"name": "Cy Example"}
        ]),
    )
    .exchange(
        post(
            "actors/apify~instagram-scraper/runs",
            json!({
                "directUrls": ["https://www.instagram.com/ada.example/", "https://www.instagram.com/nobody_example/"],
                "resultsType": "posts", "resultsLimit": 5, "onlyPostsNewerThan": "30 days", "addParentData": false
            }),
        ),
        json!({"status": 201, "body": run("igEXAMPLE", "READY")}),
    )
    .exchange(
        get("actor-runs/igEXAMPLE?waitForFinish=20"),
        json!({"status": 200, "body": run("igEXAMPLE", "SUCCEEDED")}),
    )
    .exchange(
        get("datasets/ds-igEXAMPLE/items?format=json&offset=0&limit=1000"),
        page(json!([post_item, missing]), 0, 1000, 2),
    )
    .output("output", json!([post_item]))
    .output("failed", json!([missing]))
}
