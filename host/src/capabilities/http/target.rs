//! A request's URL, parsed once and read one way only.

use url::Url;

/// Longest URL in bytes.
const MAX_URL_BYTES: usize = 16 << 10;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) scheme: Scheme,
    /// Lower-case, without a trailing dot; IPv6 in brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Between the slashes, as they stand in the URL.
    pub(super) segments: Vec<String>,
}

/// How it gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub(super) fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Target {
    /// Read a URL. Spellings that two programs could read in two ways are refused.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_URL_BYTES {
            return Err(format!("the URL is longer than {MAX_URL_BYTES} bytes"));
        }
        // The URL standard would drop tabs and newlines, trim the ends, and read `\` as `/`.
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'\\') {
            return Err("the URL holds a space, a control character or a backslash".to_owned());
        }
        let mut url = Url::parse(text).map_err(|error| format!("the URL cannot be read: {error}"))?;
        let scheme = Scheme::from_name(url.scheme()).ok_or("the URL's scheme is neither https nor http")?;
        let authority = authority(text).ok_or("the URL has no host behind `//`")?;
        if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err("the URL holds user info".to_owned());
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if host.is_empty() || host.ends_with('.') {
            return Err("the URL has no host".to_owned());
        }
        url.set_host(Some(&host)).map_err(|error| format!("the URL's host cannot be read: {error}"))?;
        url.set_fragment(None);
        let path = url.path().to_ascii_lowercase();
        if path.contains("%2f") || path.contains("%5c") {
            return Err("the URL's path holds an encoded slash or backslash".to_owned());
        }
        // Some servers take what follows a `;` off before they look for `..`.
        let dots = |segment: &str| matches!(segment.replace("%2e", ".").split(';').next(), Some("." | ".."));
        if path.split('/').any(dots) {
            return Err("the URL's path holds a dot segment with parameters".to_owned());
        }
        let segments = url.path().split('/').skip(1).map(str::to_owned).collect();
        let port = url.port().unwrap_or(scheme.default_port());
        Ok(Self { url, scheme, host, port, segments })
    }

    /// Scheme, host and port, for messages.
    pub(super) fn origin(&self) -> String {
        let port = if self.port == self.scheme.default_port() { String::new() } else { format!(":{}", self.port) };
        format!("{}://{}{port}", self.scheme.name(), self.host)
    }
}

/// What stands between `//` and the path, as it was written.
fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(':')?;
    rest.strip_prefix("//")?.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())
}

/// A path prefix as segments; a slash at its end makes no difference.
pub(super) fn prefix_segments(prefix: &str) -> Vec<String> {
    let mut segments: Vec<String> = prefix.split('/').skip(1).map(str::to_owned).collect();
    while segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_one_way_only() {
        let target = Target::parse("HTTPS://API.Example.COM./v2/../v2/a%20b?q=1#part").unwrap();
        assert_eq!(target.url.as_str(), "https://api.example.com/v2/a%20b?q=1");
        assert_eq!((target.host.as_str(), target.port), ("api.example.com", 443));
        assert_eq!(target.segments, ["v2", "a%20b"]);
        assert_eq!(Target::parse("https://bücher.example/").unwrap().host, "xn--bcher-kva.example");
        assert_eq!(Target::parse("http://a.example:8080").unwrap().origin(), "http://a.example:8080");
        // Every spelling of an IPv4 address becomes the usual one, which the guard then sees.
        for spelling in ["0x7f000001", "2130706433", "0177.0.0.1", "127.1", "127.0.0.1."] {
            assert_eq!(Target::parse(&format!("https://{spelling}/")).unwrap().host, "127.0.0.1", "{spelling}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for url in [
            "",
            "api.example.com",
            "//api.example.com/",
            "https:api.example.com",
            "https:/api.example.com/",
            "https:///api.example.com/",
            "ftp://api.example.com/",
            "file:///etc/passwd",
            "data:text/plain,x",
            "javascript://api.example.com/%0aalert(1)",
            "https://user@api.example.com/",
            "https://user:password@api.example.com/",
            "https://@api.example.com/",
            "https://api.example.com@evil.example/",
            "https://api.example.com:80@evil.example/",
            "https://evil.example\\@api.example.com/",
            "https://evil.example\\api.example.com/",
            "https://api.example.com/\\..\\admin",
            " https://api.example.com/",
            "https://api.example.com/ HTTP/1.1",
            "https://api.example.com/\r\nHost: evil",
            "https://api.exam\tple.com/",
            "https://api.example.com/%2fadmin",
            "https://api.example.com/v2%2F..%2Fadmin",
            "https://api.example.com/v2%5c..",
            "https://api.example.com/v2/..;/admin",
            "https://api.example.com/v2/%2E%2e;x/admin",
            "https://./",
            "https://api.example.com../",
            "https://api.example.com:99999/",
            "https://[::1",
            "https://[v1.x]/",
            "https://a b.example/",
            "https://%00.example/",
            "https://a.example%2f.evil.example/",
        ] {
            assert!(Target::parse(url).is_err(), "{url:?}: {:?}", Target::parse(url));
        }
        assert!(Target::parse(&format!("https://a.example/{}", "x".repeat(20_000))).is_err());
    }
}
