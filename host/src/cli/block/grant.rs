//! `blockyard block grant TYPE`

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use super::permissions;
use super::push::Version;
use super::server::ServerArgs;
use crate::cli::Usage;
use crate::domain::block::HttpRule;
use crate::domain::{self, BlockType};

#[derive(Debug, Args)]
pub(super) struct Grant {
    /// The block's type, such as `custom.csv-parser`
    #[arg(value_name = "TYPE")]
    block_type: BlockType,
    /// Grant what the newest version asks for, besides what is granted already; the default
    #[arg(long, conflicts_with_all = ["secrets", "reveal", "stateless"])]
    all: bool,
    /// Allow requests to this host, on this port, below this path, and to no other than those given; with `--all`, the host
    /// of a rule whose host only a config or a setting names
    #[arg(long = "http", value_name = "HOST[:PORT][/PREFIX]", value_parser = rule)]
    http: Vec<HttpRule>,
    /// Allow this secret to be sent to this host
    #[arg(long = "secret", value_name = "NAME@HOST", value_parser = secret)]
    secrets: Vec<(String, String)>,
    /// Let the block see the text of this secret
    #[arg(long, value_name = "NAME")]
    reveal: Vec<String>,
    /// Allow instances to be kept between calls
    #[arg(long)]
    stateless: bool,
    /// Show what is granted and what is asked for, and change nothing
    #[arg(long)]
    show: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// What a type may do, and what that means for its versions.
#[derive(Debug, Deserialize)]
struct Granted {
    grant: domain::Grant,
    /// The newest first.
    versions: Vec<Version>,
}

/// `HOST[:PORT][/PREFIX]`; plain HTTP has to be said: `http://HOST`.
fn rule(text: &str) -> Result<HttpRule, String> {
    let odd = || "must be HOST, HOST:PORT or HOST/PREFIX, such as api.example.com:8443/v1".to_owned();
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
    if scheme.is_some_and(|scheme| !["http", "https"].contains(&scheme)) || rest.contains(['@', '?', '#', ' ']) {
        return Err(odd());
    }
    let (place, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(odd)?)),
        None => (place, None),
    };
    if host.is_empty() || host == "*" || host.contains(':') {
        return Err(odd());
    }
    Ok(HttpRule {
        host: Some(host.to_ascii_lowercase()),
        scheme: scheme.filter(|scheme| *scheme == "http").map(str::to_owned),
        port,
        path_prefix: (path.len() > 1).then(|| path.to_owned()),
        ..HttpRule::default()
    })
}

fn secret(text: &str) -> Result<(String, String), String> {
    match text.split_once('@') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() => Ok((name.to_owned(), host.to_ascii_lowercase())),
        _ => Err("must be NAME@HOST".to_owned()),
    }
}

impl Grant {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let server = self.server.connect()?;
        let block_type = &self.block_type;
        let place = format!("/blocks/{block_type}/grants");
        let before: Granted = server.get(&place).await?.decode()?;
        if self.show {
            tell("is granted to", block_type, &before.grant);
            tell_versions(&before.versions);
            return Ok(ExitCode::SUCCESS);
        }
        let Some(after) = self.wanted(&before)? else {
            println!("{block_type} is granted all that its versions ask for");
            return Ok(ExitCode::SUCCESS);
        };
        tell("will be granted to", block_type, &after);
        if !self.is_confirmed()? {
            eprintln!("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
        let after: Granted = server.put(&place, &after).await?.decode()?;
        tell_versions(&after.versions);
        if let Some(version) = after.versions.first().filter(|version| version.status == "inactive") {
            let url = self.server.url();
            println!("\nTo use it in workflows:\n");
            println!("  curl -X POST {url}/blocks/{block_type}/versions/{}/activate", version.version);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The grant to set; `None` if there is nothing to add.
    fn wanted(&self, before: &Granted) -> Result<Option<domain::Grant>, Usage> {
        let explicit = !(self.http.is_empty() && self.secrets.is_empty() && self.reveal.is_empty()) || self.stateless;
        if explicit && !self.all {
            return Ok(Some(self.explicit()));
        }
        // Of the newest alone: what an older one asked for in vain is nobody's wish any more.
        let missing = before.versions.first().map(Version::missing).unwrap_or_default();
        if missing == domain::Grant::default() {
            return Ok(None);
        }
        let mut grant = before.grant.clone();
        for rule in missing.http {
            grant.http.extend(self.placed(rule)?);
        }
        grant.reveal.extend(missing.reveal);
        grant.stateless |= missing.stateless;
        Ok(Some(grant))
    }

    /// What the flags say and nothing else.
    fn explicit(&self) -> domain::Grant {
        let mut http = self.http.clone();
        for (name, host) in &self.secrets {
            let at = |rule: &HttpRule| rule.host.as_ref() == Some(host);
            if !http.iter().any(at) {
                http.push(HttpRule { host: Some(host.clone()), ..HttpRule::default() });
            }
            http.iter_mut().filter(|rule| at(rule)).for_each(|rule| rule.secrets.push(name.clone()));
        }
        domain::Grant { http, reveal: self.reveal.clone(), stateless: self.stateless }
    }

    /// A rule that is asked for, at the hosts that only the person knows who grants it.
    fn placed(&self, asked: HttpRule) -> Result<Vec<HttpRule>, Usage> {
        let Some(from) = &asked.host_from else { return Ok(vec![asked]) };
        if self.http.is_empty() {
            let message = format!("the block asks for the host that `{from}` names: say which, with --all --http HOST");
            return Err(Usage(message));
        }
        let placed = self.http.iter().map(|place| HttpRule {
            host: place.host.clone(),
            host_from: None,
            scheme: place.scheme.clone().or_else(|| asked.scheme.clone()),
            port: place.port.or(asked.port),
            path_prefix: place.path_prefix.clone().or_else(|| asked.path_prefix.clone()),
            ..asked.clone()
        });
        Ok(placed.collect())
    }

    fn is_confirmed(&self) -> anyhow::Result<bool> {
        if self.yes {
            return Ok(true);
        }
        let mut input = std::io::stdin().lock();
        if !std::io::stdin().is_terminal() {
            return Err(Usage("there is no terminal to ask on: --yes grants it without asking".to_owned()).into());
        }
        eprint!("\nGrant this? [y/N] ");
        std::io::stderr().flush()?;
        let mut answer = String::new();
        input.read_line(&mut answer)?;
        Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
    }
}

fn tell(what: &str, block_type: &BlockType, grant: &domain::Grant) {
    let lines = permissions::lines(grant);
    if lines.is_empty() {
        println!("nothing {what} {block_type}");
    } else {
        println!("this {what} {block_type}:");
        lines.iter().for_each(|line| println!("  {line}"));
    }
}

fn tell_versions(versions: &[Version]) {
    println!();
    for version in versions {
        println!("{} {}: {}", version.block_type, version.version, version.status);
        permissions::lines(&version.missing()).iter().for_each(|line| println!("  asks to {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_read_with_all_their_parts() {
        let read = |text: &str| {
            let rule = rule(text)?;
            Ok::<_, String>((rule.host.unwrap(), rule.scheme, rule.port, rule.path_prefix))
        };
        let host = || "api.example.com".to_owned();
        assert_eq!(read("API.example.com"), Ok((host(), None, None, None)));
        assert_eq!(read("https://api.example.com/"), Ok((host(), None, None, None)));
        let all = (host(), Some("http".to_owned()), Some(8080), Some("/v1/x".to_owned()));
        assert_eq!(read("http://api.example.com:8080/v1/x"), Ok(all));
        assert_eq!(read("*.example.com").unwrap().0, "*.example.com");
        for bad in ["", "*", "/v1", "a:b", "a:0", "a:99999", "ftp://a", "u@a", "a?q", "a b", "a:1:2"] {
            assert!(rule(bad).is_err(), "{bad}");
        }
        assert_eq!(secret("key@API.example.com"), Ok(("key".to_owned(), host())));
        assert!(secret("key").is_err() && secret("@a").is_err() && secret("key@").is_err());
    }

    fn flags(arguments: &[&str]) -> Grant {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            grant: Grant,
        }
        let arguments = ["grant", "custom.x"].iter().chain(arguments);
        <Alone as clap::Parser>::try_parse_from(arguments).unwrap().grant
    }

    fn pending(grant: serde_json::Value, missing: serde_json::Value) -> Granted {
        let version = json!({"type": "custom.x", "version": "2.0.0", "status": "pending", "missing": missing});
        serde_json::from_value(json!({"grant": grant, "versions": [version]})).unwrap()
    }

    #[test]
    fn flags_say_the_whole_grant_and_all_adds_what_is_missing() {
        let missing = json!({"http": [{"host": "new.example", "secrets": ["k"]}], "reveal": [], "stateless": true});
        let before = pending(json!({"http": [{"host": "old.example"}]}), missing);
        let hosts = |grant: &domain::Grant| grant.http.iter().filter_map(|rule| rule.host.clone()).collect::<Vec<_>>();

        let explicit = flags(&["--http", "a.example/v1", "--secret", "k@a.example", "--secret", "k@b.example"]);
        let grant = explicit.wanted(&before).unwrap().unwrap();
        assert_eq!(hosts(&grant), ["a.example", "b.example"]);
        assert!(grant.http.iter().all(|rule| rule.secrets == ["k"]) && !grant.stateless);

        for all in [&["--all"][..], &[]] {
            let grant = flags(all).wanted(&before).unwrap().unwrap();
            assert_eq!(hosts(&grant), ["old.example", "new.example"]);
            assert!(grant.stateless);
        }
        let nothing = Granted { versions: Vec::new(), ..before };
        assert!(flags(&["--all"]).wanted(&nothing).unwrap().is_none());
    }

    #[test]
    fn a_host_that_the_manifest_does_not_know_has_to_be_named() {
        let asks = json!({"http": [{"hostFrom": "config:/url", "methods": ["GET"]}], "reveal": [], "stateless": false});
        let before = pending(json!({}), asks);
        let error = flags(&["--all"]).wanted(&before).unwrap_err();
        assert!(error.0.contains("config:/url"), "{error}");
        let grant = flags(&["--all", "--http", "db.example:8443"]).wanted(&before).unwrap().unwrap();
        let rule = &grant.http[0];
        let place = (rule.host.as_deref(), rule.port, rule.host_from.as_deref());
        assert_eq!(place, (Some("db.example"), Some(8443), None));
        assert_eq!(rule.methods.as_deref(), Some(&["GET".to_owned()][..]));
    }
}
