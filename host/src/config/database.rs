//! The database's settings.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// When SQLite considers a commit done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When it is on the disk. A power cut loses nothing that was acknowledged.
    #[default]
    Full,
    /// When the operating system has it. A power cut may lose the last commits, never corrupt the database.
    Normal,
}

/// The database.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `sqlite://PATH`, `sqlite::memory:`, or `postgres://USER:PASSWORD@HOST:PORT/NAME`, also `postgresql://`, with
    /// `?sslmode=` and what else Postgres's own tools take. `BLOCKYARD_DATABASE`, default `sqlite://blockyard.db`.
    pub url: String,
    /// Connections that read side by side. Default 4.
    pub readers: u32,
    /// Longest time that results of pure nodes wait for a commit to ride along with. Default 20 ms.
    pub flush_interval: Duration,
    /// `BLOCKYARD_SYNCHRONOUS`, default `full`. SQLite only: a Postgres server has its own setting.
    pub synchronous: Synchronous,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: "sqlite://blockyard.db".to_owned(),
            readers: 4,
            flush_interval: Duration::from_millis(20),
            synchronous: Synchronous::Full,
        }
    }
}

impl DatabaseConfig {
    /// The database's file; `None` if it is kept in memory or by a server, or the URL names no file.
    pub fn path(&self) -> Option<PathBuf> {
        let location = self.url.strip_prefix("sqlite:")?;
        let path = location.strip_prefix("//").unwrap_or(location);
        (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
    }

    /// Whether the URL names a database on a Postgres server, which other processes may use too.
    pub fn is_postgres(&self) -> bool {
        ["postgres://", "postgresql://"].iter().any(|scheme| self.url.starts_with(scheme))
    }

    /// The URL for people to read: where a password stands or may stand, it says `***`.
    pub fn shown_url(&self) -> String {
        redacted(&self.url)
    }
}

impl fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("url", &self.shown_url())
            .field("readers", &self.readers)
            .field("flush_interval", &self.flush_interval)
            .field("synchronous", &self.synchronous)
            .finish()
    }
}

/// Hides more than the password rather than less: an address that makes no sense, say for want of escapes in the
/// password, has to hide it too.
fn redacted(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (&url[..scheme.len() + 3], rest));
    let (address, query) = match rest.rsplit_once('@') {
        Some((user, after)) => {
            let user = match user.find([':', '?']) {
                Some(end) => format!("{}:***", &user[..end]),
                None => user.to_owned(),
            };
            let (host, query) = after.split_once('?').map_or((after, None), |(host, query)| (host, Some(query)));
            (format!("{user}@{host}"), query)
        }
        None => {
            let (host, query) = rest.split_once('?').map_or((rest, None), |(host, query)| (host, Some(query)));
            (without_odd_port(host), query)
        }
    };
    let query = query.map(|query| {
        let parameters: Vec<String> = query.split('&').map(redacted_parameter).collect();
        format!("?{}", parameters.join("&"))
    });
    format!("{scheme}{address}{}", query.unwrap_or_default())
}

/// What follows a host's colon and is no port may be the password of a user whose host is missing.
fn without_odd_port(host: &str) -> String {
    let (authority, path) = host.split_at(host.find('/').unwrap_or(host.len()));
    match authority.split_once(':') {
        Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        Some(_) if authority.starts_with('[') => host.to_owned(),
        Some((name, _)) => format!("{name}:***{path}"),
        None => host.to_owned(),
    }
}

fn redacted_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        // Escapes in the name, or more of them, are no way around: only plain known names are shown with their values.
        Some((name, _)) if !SHOWN.contains(&name) => format!("{name}=***"),
        _ => parameter.to_owned(),
    }
}

/// Parameters without secrets.
const SHOWN: [&str; 9] =
    ["sslmode", "ssl-mode", "sslrootcert", "host", "hostaddr", "port", "dbname", "user", "application_name"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgres://u:pw@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u:p@pw/x?y@h/d", "postgres://u:***@h/d"),
            ("postgres://u@h/d?password=pw@x", "postgres://u@h/d:***@x"),
            ("postgres://u:pw", "postgres://u:***"),
            ("postgres://u:pw/d", "postgres://u:***/d"),
            ("postgres://h:5432/d?password=pw&sslmode=require", "postgres://h:5432/d?password=***&sslmode=require"),
            ("postgres://h/d?pass%77ord=pw", "postgres://h/d?pass%77ord=***"),
            ("postgres://u@h/d?host=/run&options=-cpw", "postgres://u@h/d?host=/run&options=***"),
            ("postgres://[::1]:5432/d", "postgres://[::1]:5432/d"),
            ("mysql://x", "mysql://x"),
            ("u:pw@h", "u:***@h"),
            ("", ""),
            ("postgres://u:\u{1f600}pw\u{1f600}@h/d", "postgres://u:***@h/d"),
            ("sqlite://a@b:c.db", "sqlite://a@b:c.db"),
        ] {
            assert_eq!(redacted(url), shown);
            let config = DatabaseConfig { url: url.to_owned(), ..DatabaseConfig::default() };
            assert!(!format!("{config:?}").contains("pw"), "{config:?}");
        }
    }
}
