//! `blockyard block grant TYPE[@VERSION]`

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use super::permissions;
use super::push::Version;
use super::server::ServerArgs;
use crate::cli::Usage;
use crate::domain::block::{HttpRule, Pin};
use crate::domain::{self, BlockRef, BlockType};

#[derive(Debug, Args)]
pub(super) struct Grant {
    /// The block's type, such as `custom.csv-parser`; `custom.csv-parser@1.2.0` for what that version asks for, and
    /// `custom.csv-parser@1` for the newest of a major
    #[arg(value_name = "TYPE[@VERSION]")]
    block: BlockRef,
    /// Grant what the version asks for, the newest if none is named, besides what is granted already; the default
    #[arg(long, conflicts_with_all = ["secrets", "reveal", "stateless"])]
    all: bool,
    /// Allow requests to this host, on this port, below this path, and to no other than those given; with `--all`, the host
    /// of a rule whose host only a config or a setting names, which is said before it where there are several:
    /// `config:/url=HOST`
    #[arg(long = "http", value_name = "[FROM=]HOST[:PORT][/PREFIX]", value_parser = place)]
    http: Vec<Place>,
    /// Allow this secret to be sent to this host
    #[arg(long = "secret", value_name = "NAME@HOST[:PORT][/PREFIX]", value_parser = secret)]
    secrets: Vec<(String, HttpRule)>,
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

/// A host to allow.
#[derive(Clone, Debug)]
struct Place {
    /// Where the block finds it, as its manifest says it.
    from: Option<String>,
    rule: HttpRule,
}

fn place(text: &str) -> Result<Place, String> {
    let named = text.split_once('=').filter(|(from, _)| from.starts_with("config:") || from.starts_with("setting:"));
    let (from, text) = named.map_or((None, text), |(from, text)| (Some(from.to_owned()), text));
    Ok(Place { from, rule: rule(text)? })
}

/// `HOST[:PORT][/PREFIX]`; plain HTTP has to be said: `http://HOST`.
fn rule(text: &str) -> Result<HttpRule, String> {
    const ANY: &str = "any-name";
    let odd = || "must be HOST, HOST:PORT or HOST/PREFIX, such as api.example.com:8443/v1".to_owned();
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    if !["http", "https"].contains(&scheme) || rest.starts_with('/') || rest.contains(['@', '?', '#', ' ', '\\']) {
        return Err(odd());
    }
    let below = rest.strip_prefix("*.");
    let rest = below.map_or_else(|| rest.to_owned(), |domain| format!("{ANY}.{domain}"));
    let url = url::Url::parse(&format!("{scheme}://{rest}")).map_err(|error| format!("{}: {error}", odd()))?;
    let host = url.host_str().ok_or_else(odd)?;
    let host = if below.is_some() { host.replacen(ANY, "*", 1) } else { host.to_owned() };
    let rule = HttpRule {
        host: Some(host),
        scheme: (scheme == "http").then(|| scheme.to_owned()),
        port: url.port(),
        path_prefix: (url.path().len() > 1).then(|| url.path().to_owned()),
        ..HttpRule::default()
    };
    let asked = domain::Grant { http: vec![rule.clone()], ..domain::Grant::default() };
    match asked.problems().first() {
        Some((_, problem)) => Err(format!("the host {problem}")),
        None if url.port() == Some(0) => Err(odd()),
        None => Ok(rule),
    }
}

fn secret(text: &str) -> Result<(String, HttpRule), String> {
    match text.split_once('@') {
        Some((name, place)) if !name.is_empty() => Ok((name.to_owned(), rule(place)?)),
        _ => Err("must be NAME@HOST".to_owned()),
    }
}

impl Grant {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let server = self.server.connect()?;
        let block_type = &self.block.block_type;
        let place = format!("/blocks/{block_type}/grants");
        let before: Granted = server.get(&place).await?.decode()?;
        if self.show {
            tell("is granted to", block_type, &before.grant);
            match self.block.pin {
                Pin::Active => tell_versions(&before.versions),
                Pin::Major(_) | Pin::Exact(_) => tell_versions(self.version(&before)?),
            }
            return Ok(ExitCode::SUCCESS);
        }
        let Some(after) = self.wanted(&before)? else {
            self.tell_granted(&before)?;
            return Ok(ExitCode::SUCCESS);
        };
        tell("will be granted to", block_type, &after);
        if !self.is_confirmed()? {
            tell!("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
        let after: Granted = server.put(&place, &after).await?.decode()?;
        tell_versions(&after.versions);
        let meant = self.version(&after).ok().flatten();
        if let Some(version) = meant.filter(|version| version.status == "inactive") {
            let url = self.server.url();
            say!("\nTo use it in workflows:\n");
            say!("  curl -X POST {url}/blocks/{block_type}/versions/{}/activate", version.version);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The grant to set; `None` if there is nothing to add.
    fn wanted(&self, before: &Granted) -> Result<Option<domain::Grant>, Usage> {
        let explicit = !(self.http.is_empty() && self.secrets.is_empty() && self.reveal.is_empty()) || self.stateless;
        if explicit && !self.all {
            return self.explicit().map(Some);
        }
        // Of the newest alone: what an older one asked for in vain is nobody's wish any more, unless it is named.
        let missing = self.version(before)?.map(Version::missing).unwrap_or_default();
        self.check_places(&missing)?;
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

    /// The version that is meant; `None` if there is none at all.
    fn version<'a>(&self, granted: &'a Granted) -> Result<Option<&'a Version>, Usage> {
        let parsed = |version: &Version| version.version.parse::<semver::Version>().ok();
        let is_meant = |version: &Version| match &self.block.pin {
            Pin::Active => true,
            Pin::Major(major) => parsed(version).is_some_and(|version| version.major == *major),
            Pin::Exact(exact) => parsed(version).as_ref() == Some(exact),
        };
        let found = granted.versions.iter().find(|version| is_meant(version));
        if found.is_none() && self.block.pin != Pin::Active {
            let known: Vec<&str> = granted.versions.iter().map(|version| version.version.as_str()).collect();
            let message = format!("there is no `{}`; the block has {}", self.block, known.join(", "));
            return Err(Usage(message));
        }
        Ok(found)
    }

    /// That nothing is to be granted to the version that is meant, and what others still ask for.
    fn tell_granted(&self, granted: &Granted) -> Result<(), Usage> {
        let block_type = &self.block.block_type;
        let pending: Vec<&Version> = granted.versions.iter().filter(|version| version.asks_for_more()).collect();
        let (Some(meant), Some(first)) = (self.version(granted)?, pending.first()) else {
            say!("{block_type} is granted all that its versions ask for");
            return Ok(());
        };
        say!("{block_type} {} is granted all that it asks for; others ask for more:", meant.version);
        tell_versions(pending.iter().copied());
        say!("\nTo grant that to one of them:\n");
        say!("  blockyard block grant {block_type}@{} --all{}", first.version, self.server.flag());
        Ok(())
    }

    /// What the flags say and nothing else.
    fn explicit(&self) -> Result<domain::Grant, Usage> {
        if self.block.pin != Pin::Active {
            let message = format!("a grant belongs to all versions of `{}`", self.block.block_type);
            return Err(Usage(format!("{message}: a version goes with --all")));
        }
        if let Some(from) = self.http.iter().find_map(|place| place.from.as_ref()) {
            return Err(Usage(format!("`{from}=` before a host goes with --all")));
        }
        let mut http: Vec<HttpRule> = self.http.iter().map(|place| place.rule.clone()).collect();
        for (name, place) in &self.secrets {
            // A bare host is all that is allowed there, everything else that very place.
            let is_bare = place.scheme.is_none() && place.port.is_none() && place.path_prefix.is_none();
            let at = |rule: &HttpRule| {
                let same = HttpRule { secrets: Vec::new(), ..rule.clone() } == *place;
                same || (is_bare && rule.host == place.host && rule.scheme.is_none())
            };
            if !http.iter().any(at) {
                http.push(place.clone());
            }
            http.iter_mut().filter(|rule| at(rule)).for_each(|rule| rule.secrets.push(name.clone()));
        }
        Ok(domain::Grant { http, reveal: self.reveal.clone(), stateless: self.stateless })
    }

    /// Whether it is clear what each of the hosts is for.
    fn check_places(&self, missing: &domain::Grant) -> Result<(), Usage> {
        let asked: BTreeSet<&String> = missing.http.iter().filter_map(|rule| rule.host_from.as_ref()).collect();
        let names = || asked.iter().map(|from| format!("`{from}`")).collect::<Vec<_>>().join(", ");
        for place in &self.http {
            match &place.from {
                Some(from) if !asked.contains(from) => {
                    return Err(Usage(format!(
                        "the block asks for no host that `{from}` names; it asks for {}",
                        names()
                    )));
                }
                None if asked.is_empty() => {
                    return Err(Usage(
                        "the block asks for no host that is for you to name; leave --http out".to_owned(),
                    ));
                }
                None if asked.len() > 1 => {
                    let message = format!("the block asks for hosts from {}: say which is which, FROM=HOST", names());
                    return Err(Usage(message));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A rule that is asked for, at the hosts that only the person knows who grants it.
    fn placed(&self, asked: HttpRule) -> Result<Vec<HttpRule>, Usage> {
        let Some(from) = &asked.host_from else { return Ok(vec![asked]) };
        let named = |place: &&Place| place.from.as_ref().is_none_or(|name| name == from);
        let places: Vec<&HttpRule> = self.http.iter().filter(named).map(|place| &place.rule).collect();
        if places.is_empty() {
            let message =
                format!("the block asks for the host that `{from}` names: say which, --all --http {from}=HOST");
            return Err(Usage(message));
        }
        let placed = places.iter().map(|place| HttpRule {
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
        say!("nothing {what} {block_type}");
    } else {
        say!("this {what} {block_type}:");
        lines.iter().for_each(|line| say!("  {line}"));
    }
}

fn tell_versions<'a>(versions: impl IntoIterator<Item = &'a Version>) {
    say!();
    for version in versions {
        say!("{} {}: {}", version.block_type, version.version, version.status);
        permissions::lines(&version.missing()).iter().for_each(|line| say!("  asks to {line}"));
    }
}
