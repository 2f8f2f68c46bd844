//! The loopback rule: a server without keys answers programs on its machine, and no web pages from elsewhere.
//!
//! A page can make a browser send requests to `localhost`, and with DNS rebinding even read the answers. Both show in
//! headers that pages cannot set: `Host`, `Origin` and `Sec-Fetch-Site`. Bodies of types that browsers send without
//! asking first are refused too.

use std::net::IpAddr;

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::body::Format;
use super::problem::{ApiError, ApiResult};
use super::{ApiState, hooks};

/// Refuse what the rule forbids.
pub(super) async fn check(State(state): State<ApiState>, request: Request, next: Next) -> ApiResult<Response> {
    let allowed = &state.config.allowed_hosts;
    hosts(request.uri(), request.headers(), allowed)?;
    origin(request.headers(), allowed)?;
    // Hooks take what programs send; their token is what no page knows.
    let any_type = hooks::is_hook(request.uri().path()) || is_component(request.headers());
    if !request.body().is_end_stream() && !any_type && !is_upload(&request) {
        Format::of(request.headers())?;
    }
    Ok(next.run(request).await)
}

/// Whether it is for the route that takes components alone, which says so itself.
fn is_upload(request: &Request) -> bool {
    request.method() == Method::POST && ["/blocks", "/api/workflows/blocks"].contains(&request.uri().path())
}

/// Whether the body has the type of a component, which browsers do not send without asking first.
pub(super) fn is_component(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    ["application/wasm", "application/octet-stream"].iter().any(|known| essence.eq_ignore_ascii_case(known))
}

/// Whether `authority`, a host with or without a port, means this machine.
pub fn is_loopback_host(authority: &str) -> bool {
    host_of(authority).is_some_and(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The host without its port; `None` if it is no plain `host[:port]`.
fn host_of(authority: &str) -> Option<&str> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(end);
    let port_is_fine = match port.strip_prefix(':') {
        Some(port) => port.is_empty() || port.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    let plain = !host.is_empty() && !host.bytes().any(|byte| matches!(byte, b'@' | b'/' | b'?' | b'#' | b' '));
    (plain && port_is_fine).then_some(host)
}

/// Loopback, or configured: with a port only that one, without a port any.
fn is_allowed(authority: &str, allowed: &[String]) -> bool {
    let Some(host) = host_of(authority) else { return false };
    is_loopback(host)
        || allowed.iter().any(|entry| entry.eq_ignore_ascii_case(authority) || entry.eq_ignore_ascii_case(host))
}

fn hosts(uri: &Uri, headers: &HeaderMap, allowed: &[String]) -> ApiResult<()> {
    let mut given = headers.get_all(header::HOST).iter();
    let (first, second) = (given.next(), given.next());
    if second.is_some() {
        return Err(ApiError::bad_request("invalid-host", "there is more than one `Host` header"));
    }
    let authority = uri.authority().map(|authority| authority.as_str());
    let named = first.map(|host| host.to_str().unwrap_or("?"));
    if authority.is_none() && named.is_none_or(str::is_empty) {
        return Err(ApiError::bad_request("missing-host", "the `Host` header is missing"));
    }
    match authority.into_iter().chain(named).find(|host| !is_allowed(host, allowed)) {
        None => Ok(()),
        Some(host) => {
            let detail = format!(
                "this server answers to loopback names only, not to `{host}`; `--allowed-host` adds names to answer to"
            );
            Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "host-not-allowed", detail))
        }
    }
}

fn origin(headers: &HeaderMap, allowed: &[String]) -> ApiResult<()> {
    let refuse = |what: String| {
        let detail = format!("requests of web pages from elsewhere are refused: {what}");
        Err(ApiError::new(StatusCode::FORBIDDEN, "cross-site-request", detail))
    };
    for origin in headers.get_all(header::ORIGIN) {
        let text = origin.to_str().unwrap_or("?");
        let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        if !authority.is_some_and(|authority| is_allowed(authority, allowed)) {
            return refuse(format!("`Origin: {text}`"));
        }
    }
    for site in headers.get_all("sec-fetch-site") {
        if site != "same-origin" && site != "none" {
            return refuse(format!("`Sec-Fetch-Site: {}`", site.to_str().unwrap_or("?")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_many_names() {
        for host in
            ["localhost", "LocalHost:80", "localhost.", "a.localhost:1", "127.0.0.1", "127.9.8.7:65535", "[::1]"]
        {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "localhost.evil.com",
            "evil-localhost",
            "127.0.0.1.evil.com",
            "10.0.0.1",
            "[::2]:80",
            "0.0.0.0",
            "localhost:80:80",
            "localhost:99999",
            "a@localhost",
            "localhost/x",
            "[::1",
            "[::1]x",
            "::1",
        ] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn configured_hosts_count_with_their_port_if_they_have_one() {
        let allowed = ["box.lan".to_owned(), "named.lan:8080".to_owned()];
        assert!(is_allowed("BOX.lan:1234", &allowed));
        assert!(is_allowed("named.lan:8080", &allowed));
        assert!(!is_allowed("named.lan:8081", &allowed));
        assert!(!is_allowed("other.lan", &allowed));
    }
}
