use hyper::header::HeaderMap;

use super::super::message::{self, Asked, Patience};
use super::*;

const TEXT: &str = "s3cr\"t & ü+/";

fn placeholders() -> (Placeholders, String) {
    let all = Placeholders::new(["key"]).unwrap();
    let token = all.by_slot()["key"].to_owned();
    (all, token)
}

fn checked(url: &str, headers: &[(&str, &str)], body: &str) -> Checked {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    let asked = Asked {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: headers.collect(),
        body: Some(body.as_bytes().to_vec()),
        patience: Patience::default(),
        held: None,
    };
    let permit = |_: &str, _: &_| Ok(BTreeSet::from(["key".to_owned()]));
    message::check(asked, &HttpConfig::default(), permit).unwrap_or_else(|failure| panic!("{failure}"))
}

fn fill(checked: &mut Checked, placeholders: &Placeholders, text: &str, config: &HttpConfig) -> Result<(), Failure> {
    let text = SecretText::new(text.to_owned()).unwrap();
    checked.fill(placeholders, &BTreeMap::from([("key", &text)]), config)
}

fn body_of(content_type: &str, body: &str) -> String {
    let (all, token) = placeholders();
    let headers = [("content-type", content_type)];
    let headers = if content_type.is_empty() { &headers[..0] } else { &headers };
    let mut request = checked("https://a.example/", headers, &body.replace("TOKEN", &token));
    assert_eq!(request.slots(&all).unwrap(), BTreeSet::from(["key"]), "{body}");
    fill(&mut request, &all, TEXT, &HttpConfig::default()).unwrap();
    String::from_utf8(request.body.unwrap()).unwrap()
}

fn value<'h>(headers: &'h HeaderMap, name: &str) -> &'h [u8] {
    assert!(headers[name].is_sensitive(), "{name}");
    headers[name].as_bytes()
}

#[test]
fn headers_and_logins_and_the_query_are_filled() {
    let (all, token) = placeholders();
    let login = STANDARD.encode(format!("user:{token}"));
    let login = login.trim_end_matches('=');
    let mut request = checked(
        &format!("https://a.example/x?a=1&key={token}&b=%C3%BC&again={}", token.replace('-', "%2d")),
        &[("x-key", &format!("Key {token}, {token}")), ("authorization", &format!("bAsIc {login}")), ("x", "plain")],
        "",
    );
    assert_eq!(request.slots(&all).unwrap(), BTreeSet::from(["key"]));
    fill(&mut request, &all, TEXT, &HttpConfig::default()).unwrap();
    assert_eq!(value(&request.headers, "x-key"), format!("Key {TEXT}, {TEXT}").as_bytes());
    let expected = format!("Basic {}", STANDARD.encode(format!("user:{TEXT}")));
    assert_eq!(value(&request.headers, "authorization"), expected.as_bytes());
    assert!(!request.headers["x"].is_sensitive());
    let spelled = "s3cr%22t%20%26%20%C3%BC%2B%2F";
    assert_eq!(request.url.query(), Some(format!("a=1&key={spelled}&b=%C3%BC&again={spelled}").as_str()));
    // What is checked and shown is another URL.
    assert!(request.target.url.query().unwrap().contains(&token));
}

#[test]
fn a_body_is_filled_in_the_way_of_its_type_or_of_its_looks() {
    let json = r#"{"a":"s3cr\"t & ü+/"}"#;
    for content_type in ["application/json", "Application/JSON; charset=utf-8", "application/ld+json", "text/plain", ""]
    {
        assert_eq!(body_of(content_type, r#"{"a":"TOKEN"}"#), json, "{content_type}");
    }
    let form = "application/x-www-form-urlencoded;charset=UTF-8";
    assert_eq!(body_of(form, "a=1&key=TOKEN"), "a=1&key=s3cr%22t%20%26%20%C3%BC%2B%2F");
    assert_eq!(body_of("text/plain", "key is TOKEN."), format!("key is {TEXT}."));
    assert_eq!(body_of("", "{TOKEN}"), format!("{{{TEXT}}}"), "no JSON");
}

#[test]
fn where_no_secret_may_go_a_placeholder_is_refused() {
    let (all, token) = placeholders();
    let escaped = token.replace('s', "%73");
    for url in [
        format!("https://a.example/v1/{token}/x"),
        format!("https://a.example/v1/{escaped}"),
        format!("https://{token}.example/"),
        format!("https://{}.example/", token.to_ascii_uppercase()),
    ] {
        let Err(Failure::Denied(message)) = checked(&url, &[], "").slots(&all) else { panic!("{url}") };
        assert!(message.contains("the placeholder of the secret `key` stands in the request's"), "{message}");
    }
    let named = checked("https://a.example/", &[(&token, "x")], "").slots(&all);
    assert!(matches!(named, Err(Failure::Denied(message)) if message.contains("header names")));
    // What follows a `#` is never sent.
    assert!(checked(&format!("https://a.example/#{token}"), &[], "").slots(&all).unwrap().is_empty());
}

#[test]
fn what_is_shown_is_the_same_for_every_call_and_holds_neither() {
    let shown = |body: &str, with_body| {
        let (all, token) = placeholders();
        let url = format!("https://a.example/x?key={token}&a=1&b=%{:02x}{}", token.as_bytes()[0], &token[1..]);
        let mut request = checked(&url, &[("x", &token)], &body.replace("TOKEN", &token));
        let slots = request.slots(&all).unwrap();
        let Shown { url, body } = request.shown(&all, &slots, with_body);
        fill(&mut request, &all, TEXT, &HttpConfig::default()).unwrap();
        (url, body.map(|body| String::from_utf8(body).unwrap()))
    };
    let expected = ("https://a.example/x?a=1".to_owned(), Some(r#"{"k":"[secret key]"}"#.to_owned()));
    assert_eq!(shown(r#"{"k":"TOKEN"}"#, true), expected);
    assert_eq!(shown(r#"{"k":"TOKEN"}"#, true), expected, "in another call");
    assert_eq!(shown("TOKEN", true).1.as_deref(), Some("[secret key]"));
    assert_eq!(shown("TOKEN", false).1, None);
}

#[test]
fn secrets_that_make_a_request_too_large_are_not_put_in() {
    let (all, token) = placeholders();
    let long = "s".repeat(SecretText::MAX_BYTES);
    let config = HttpConfig { body_bytes: 100_000, ..HttpConfig::default() };
    let mut once = checked("https://a.example/", &[("x", &token)], &token);
    fill(&mut once, &all, &long, &config).unwrap();
    for mut request in [
        checked("https://a.example/", &[], &token.repeat(2)),
        checked("https://a.example/", &[("x", &token), ("y", &token), ("z", &token)], ""),
        checked("https://a.example/", &[("x", &token.repeat(900))], ""),
        checked(&format!("https://a.example/?{token}"), &[], ""),
    ] {
        let refused = fill(&mut request, &all, &long, &config);
        let Err(Failure::Invalid(part, message)) = refused else { panic!("{refused:?}") };
        assert!(!matches!(part, Part::Credential) && !message.contains("sss"), "{message}");
    }
}
