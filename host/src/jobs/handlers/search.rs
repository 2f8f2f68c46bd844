//! `SEARCH`: searches a social network.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{OneNode, PrepareError, decode, document};
use crate::domain::{JobType, Json, Mode, UserId};
use crate::jobs::{Queue, Submit};

/// Where it waits if the submission does not say.
const QUEUE: &str = "search";
/// Results if the payload does not say.
const DEFAULT_LIMIT: u32 = 100;
/// Most results.
const MAX_LIMIT: u32 = 100_000;
/// Most profiles, hashtags or places that the vendor looks up for a query.
const MAX_FOUND: u32 = 250;
/// Most URLs.
const MAX_URLS: usize = 1_000;

/// What to look for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    source: Source,
    /// URLs of profiles, posts, hashtags or places, or usernames: their posts are given.
    urls: Option<Vec<String>>,
    /// `#word` gives the posts of a hashtag, anything else the profiles that fit.
    query: Option<String>,
    limit: Option<u32>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    record: bool,
    exchanges: Option<Json>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Instagram,
}

pub(super) async fn prepare(queue: &Queue, payload: &Json, user_id: &UserId) -> Result<Submit, PrepareError> {
    let given: Payload = decode(payload)?;
    let Source::Instagram = given.source;
    let limit = given.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(PrepareError::at("/limit", "invalid-payload", format!("it is not from 1 to {MAX_LIMIT}")));
    }
    let (config, input) = instagram(given.urls, given.query.as_deref(), limit)?;
    let node = json!({"id": "search", "type": "api.apify", "name": "Search", "config": config});
    let one = OneNode {
        job_type: JobType::Search,
        queue: QUEUE,
        user_id,
        payload,
        document: document("job-search", "Search", node),
        input: input.into(),
        mode: given.mode,
        record: given.record,
        exchanges: given.exchanges,
        members: &[],
    };
    queue.one_node(one).await
}

/// The block's config and input. What the client wrote is input: in the config it could hold templates, and each search
/// would be a document of its own.
fn instagram(urls: Option<Vec<String>>, query: Option<&str>, limit: u32) -> Result<(Value, Value), PrepareError> {
    let invalid = |place: &str, message: String| Err(PrepareError::at(place, "invalid-payload", message));
    match (urls, query.map(str::trim)) {
        (Some(_), Some(_)) => invalid("/query", "it cannot stand beside `urls`".to_owned()),
        (None, None) => invalid("", "either `urls` or `query` must be given".to_owned()),
        (Some(urls), None) if urls.is_empty() || urls.len() > MAX_URLS => {
            invalid("/urls", format!("there are {} URLs, from 1 to {MAX_URLS} are welcome", urls.len()))
        }
        (Some(urls), None) => {
            if let Some(index) = urls.iter().position(|url| url.trim().is_empty()) {
                return invalid(&format!("/urls/{index}"), "it is empty".to_owned());
            }
            let config = json!({
                "operation": "instagram", "usernameField": "urls", "resultsType": "posts",
                "resultsLimit": "{{ input.limit }}", "limit": "{{ input.limit }}"
            });
            Ok((config, json!({"urls": urls, "limit": limit})))
        }
        (None, Some(query)) => {
            let hashtag = query.strip_prefix('#');
            let text = hashtag.unwrap_or(query);
            if text.is_empty() {
                return invalid("/query", "it is empty".to_owned());
            }
            let (kind, gives) = if hashtag.is_some() { ("hashtag", "posts") } else { ("user", "details") };
            let found = if hashtag.is_some() { 1 } else { limit.min(MAX_FOUND) };
            let config = json!({
                "operation": "instagram", "search": "{{ input.query }}", "searchType": kind, "resultsType": gives,
                "searchLimit": "{{ input.found }}", "resultsLimit": "{{ input.limit }}", "limit": "{{ input.limit }}"
            });
            Ok((config, json!({"query": text, "found": found, "limit": limit})))
        }
    }
}

/// What the search found, each kind in one shape whatever the vendor gives beside it.
#[derive(Debug, Default, Serialize)]
struct Found {
    posts: Vec<Post>,
    profiles: Vec<Profile>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Post {
    id: Option<String>,
    url: Option<String>,
    /// `image`, `video` or `sidecar`.
    kind: Option<String>,
    caption: Option<String>,
    hashtags: Vec<String>,
    mentions: Vec<String>,
    likes: Option<u64>,
    comments: Option<u64>,
    /// RFC 3339.
    posted_at: Option<String>,
    username: Option<String>,
    full_name: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    id: Option<String>,
    url: Option<String>,
    username: Option<String>,
    full_name: Option<String>,
    biography: Option<String>,
    website: Option<String>,
    followers: Option<u64>,
    following: Option<u64>,
    posts: Option<u64>,
    verified: Option<bool>,
    private: Option<bool>,
}

/// `{posts, profiles}` of the items that the vendor gave. Profiles bring their newest posts along.
pub(super) fn result(output: &Json) -> Json {
    let mut found = Found::default();
    let items: Vec<&RawValue> = serde_json::from_str(output.as_str()).unwrap_or_default();
    for item in items {
        // Numbers that no value can hold are the vendor's nonsense: such an item is passed over.
        let Ok(item) = serde_json::from_str::<Value>(item.get()) else { continue };
        if is_profile(&item) {
            let latest = item["latestPosts"].as_array().map(Vec::as_slice).unwrap_or_default();
            found.posts.extend(latest.iter().filter(|post| post.is_object()).map(Post::of));
            found.profiles.push(Profile::of(&item));
        } else if item.is_object() {
            found.posts.push(Post::of(&item));
        }
    }
    Json::encode(&found)
}

fn is_profile(item: &Value) -> bool {
    item["username"].is_string() && (item.get("followersCount").is_some() || item.get("biography").is_some())
}

/// The first of these members that is a text with something in it, or a number.
fn text(item: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match &item[*name] {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

fn texts(item: &Value, name: &str) -> Vec<String> {
    let list = item[name].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Post {
    fn of(item: &Value) -> Self {
        Self {
            id: text(item, &["id", "shortCode"]),
            url: text(item, &["url"]),
            kind: text(item, &["type"]).map(|kind| kind.to_lowercase()),
            caption: text(item, &["caption"]),
            hashtags: texts(item, "hashtags"),
            mentions: texts(item, "mentions"),
            // A count that is hidden is -1.
            likes: item["likesCount"].as_u64(),
            comments: item["commentsCount"].as_u64(),
            posted_at: text(item, &["timestamp"]),
            username: text(item, &["ownerUsername"]),
            full_name: text(item, &["ownerFullName"]),
        }
    }
}

impl Profile {
    fn of(item: &Value) -> Self {
        Self {
            id: text(item, &["id"]),
            url: text(item, &["url"]),
            username: text(item, &["username"]),
            full_name: text(item, &["fullName"]),
            biography: text(item, &["biography"]),
            website: text(item, &["externalUrl"]),
            followers: item["followersCount"].as_u64(),
            following: item["followsCount"].as_u64(),
            posts: item["postsCount"].as_u64(),
            verified: item["verified"].as_bool(),
            private: item["private"].as_bool(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_and_profiles_get_one_shape() {
        let output = json!([
            {"id": "1", "type": "Image", "caption": "Morning é", "hashtags": ["a"], "likesCount": -1,
             "commentsCount": 4, "timestamp": "2026-01-04T07:12:00.000Z", "ownerUsername": "ada", "extra": [1]},
            {"id": 7, "username": "bo", "biography": "", "followersCount": 12, "private": false,
             "latestPosts": [{"id": "2"}, null]},
            null, 7, "text"
        ]);
        let result = result(&output.into()).to_value().unwrap();
        assert_eq!(result["posts"].as_array().unwrap().len(), 2);
        assert_eq!(result["posts"][0]["caption"], "Morning é");
        assert_eq!((&result["posts"][0]["likes"], &result["posts"][0]["comments"]), (&Value::Null, &json!(4)));
        assert_eq!(result["posts"][1]["id"], "2");
        assert_eq!((&result["profiles"][0]["id"], &result["profiles"][0]["followers"]), (&json!("7"), &json!(12)));
    }

    #[test]
    fn whatever_a_vendor_gives_is_a_result() {
        for odd in ["null", "7", "{}", "[[]]", "[1e999, {\"likesCount\": 1e999}, {\"hashtags\": {}}]"] {
            let result = result(&Json::parse(odd.to_owned()).unwrap()).to_value().unwrap();
            assert!(result["posts"].is_array() && result["profiles"].is_array(), "{odd}");
        }
    }

    #[test]
    fn what_is_looked_for_must_be_clear() {
        let pointer = |urls: Option<&[&str]>, query| {
            let urls = urls.map(|urls| urls.iter().map(|url| (*url).to_owned()).collect());
            match instagram(urls, query, 5) {
                Err(PrepareError::Invalid(report)) => Some(report.errors[0].pointer.clone()),
                _ => None,
            }
        };
        assert_eq!(pointer(None, None).as_deref(), Some(""));
        assert_eq!(pointer(Some(&[]), None).as_deref(), Some("/urls"));
        assert_eq!(pointer(Some(&["a", " "]), None).as_deref(), Some("/urls/1"));
        assert_eq!(pointer(Some(&["a"]), Some("b")).as_deref(), Some("/query"));
        assert_eq!(pointer(None, Some(" # ")).as_deref(), Some("/query"));
        assert_eq!(pointer(None, Some("{{ 1 }} ü")), None);
    }
}
