//! Secrets and settings from environment variables.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use zeroize::Zeroizing;

use crate::domain::secret::host_name;
use crate::domain::{SecretName, SecretText};

/// The secrets of the built-in blocks: variable, name, and the one host that it is for.
const BUILTIN: [(&str, &str, &str); 6] = [
    ("OPENROUTER_API_KEY", "openrouter", "openrouter.ai"),
    ("APOLLO_API_KEY", "apollo", "api.apollo.io"),
    ("HUNTER_API_KEY", "hunter", "api.hunter.io"),
    ("MIXEDBREAD_API_KEY", "mixedbread", "api.mixedbread.com"),
    ("APIFY_API_KEY", "apify", "api.apify.com"),
    ("META_ACCESS_TOKEN", "meta", "graph.facebook.com"),
];

const SUPABASE_KEY: &str = "NEXT_PUBLIC_SUPABASE_ANON_KEY";
const SUPABASE_URL: &str = "NEXT_PUBLIC_SUPABASE_URL";
const SECRET_PREFIX: &str = "BLOCKYARD_SECRET_";
const HOSTS_SUFFIX: &str = "_HOSTS";
const SETTING_PREFIX: &str = "BLOCKYARD_SETTING_";

/// What the environment gives.
#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) secrets: BTreeMap<SecretName, EnvironmentSecret>,
    pub(super) settings: BTreeMap<String, String>,
    /// What is not used and why, for the log: variables are named, values never.
    pub(super) warnings: Vec<String>,
}

/// A secret of the environment; it is everyone's.
#[derive(Debug)]
pub(super) struct EnvironmentSecret {
    pub(super) value: SecretText,
    pub(super) hosts: Vec<String>,
}

type Variables = BTreeMap<String, Zeroizing<String>>;

impl Environment {
    /// Read `variables`. Empty ones count as not set; what cannot be used becomes a warning.
    pub(super) fn read(variables: impl Iterator<Item = (String, String)>) -> Self {
        let known = |name: &str| {
            name.starts_with(SECRET_PREFIX)
                || name.starts_with(SETTING_PREFIX)
                || [SUPABASE_KEY, SUPABASE_URL].contains(&name)
                || BUILTIN.iter().any(|(variable, ..)| *variable == name)
        };
        let variables: Variables = variables
            .filter(|(name, value)| known(name) && !value.trim().is_empty())
            .map(|(name, value)| (name, Zeroizing::new(value)))
            .collect();
        let mut environment = Self::default();
        for (variable, name, host) in BUILTIN {
            environment.secret(&variables, variable, name, vec![host.to_owned()]);
        }
        environment.supabase(&variables);
        environment.others(&variables);
        environment.settings(&variables);
        environment
    }

    fn supabase(&mut self, variables: &Variables) {
        let url = variables.get(SUPABASE_URL);
        let host = url.and_then(|url| host_name(url::Url::parse(url.trim()).ok()?.host_str()?).ok());
        if url.is_some() && host.is_none() {
            self.warnings.push(format!("{SUPABASE_URL} is no URL with a host"));
        }
        match host {
            Some(host) => self.secret(variables, SUPABASE_KEY, "supabaseAnonKey", vec![host]),
            None if variables.contains_key(SUPABASE_KEY) => {
                let warning =
                    format!("{SUPABASE_KEY} is not used: its host is that of {SUPABASE_URL}, which gives none");
                self.warnings.push(warning);
            }
            None => {}
        }
    }

    /// `BLOCKYARD_SECRET_SOME_NAME` with `BLOCKYARD_SECRET_SOME_NAME_HOSTS`.
    fn others(&mut self, variables: &Variables) {
        for (variable, value) in variables {
            let Some(name) = variable.strip_prefix(SECRET_PREFIX) else { continue };
            if let Some(secret) = variable.strip_suffix(HOSTS_SUFFIX) {
                if !variables.contains_key(secret) {
                    self.warnings.push(format!("{variable} is set, but there is no secret {secret}"));
                }
                continue;
            }
            let hosts_variable = format!("{variable}{HOSTS_SUFFIX}");
            let Some(given) = variables.get(&hosts_variable) else {
                let warning =
                    format!("{variable} is not used: {hosts_variable} has to name the hosts that it may go to");
                self.warnings.push(warning);
                continue;
            };
            let hosts = given.split(',').map(str::trim).filter(|host| !host.is_empty());
            match hosts.map(host_name).collect::<Result<Vec<_>, _>>() {
                Ok(hosts) if hosts.is_empty() => {
                    self.warnings.push(format!("{variable} is not used: {hosts_variable} names no host"));
                }
                Ok(hosts) => self.add(variable, value, &name.to_ascii_lowercase().replace('_', "-"), hosts),
                Err(what) => {
                    self.warnings.push(format!("{variable} is not used: an entry of {hosts_variable} {what}"));
                }
            }
        }
    }

    /// `NEXT_PUBLIC_SUPABASE_URL` and `BLOCKYARD_SETTING_SOME_NAME`.
    fn settings(&mut self, variables: &Variables) {
        if let Some(url) = variables.get(SUPABASE_URL) {
            self.settings.insert("supabaseUrl".to_owned(), url.trim().to_owned());
        }
        for (variable, value) in variables {
            let Some(name) = variable.strip_prefix(SETTING_PREFIX) else { continue };
            let name = camel_case(name);
            if name.is_empty() {
                self.warnings.push(format!("{variable} is not used: it names no setting"));
                continue;
            }
            match self.settings.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(value.as_str().to_owned());
                }
                Entry::Occupied(taken) => {
                    let name = taken.key();
                    self.warnings.push(format!("{variable} is not used: another variable gives the setting {name}"));
                }
            }
        }
    }

    fn secret(&mut self, variables: &Variables, variable: &str, name: &str, hosts: Vec<String>) {
        if let Some(value) = variables.get(variable) {
            self.add(variable, value, name, hosts);
        }
    }

    fn add(&mut self, variable: &str, value: &Zeroizing<String>, name: &str, mut hosts: Vec<String>) {
        let Ok(name) = name.parse::<SecretName>() else {
            self.warnings.push(format!("{variable} is not used: it makes no name for a secret"));
            return;
        };
        if self.secrets.contains_key(&name) {
            self.warnings.push(format!("{variable} is not used: another variable gives the secret {name}"));
            return;
        }
        hosts.sort();
        hosts.dedup();
        match SecretText::new(value.clone()) {
            Ok(value) => drop(self.secrets.insert(name, EnvironmentSecret { value, hosts })),
            Err(bad) => self.warnings.push(format!("{variable} is not used: its value {bad}")),
        }
    }
}

/// `SOME_NAME` as `someName`.
fn camel_case(name: &str) -> String {
    let words = name.split('_').filter(|word| !word.is_empty());
    let mut text = String::with_capacity(name.len());
    for word in words {
        let mut letters = word.chars().map(|letter| letter.to_ascii_lowercase());
        let first = letters.next().map(|letter| if text.is_empty() { letter } else { letter.to_ascii_uppercase() });
        text.extend(first.into_iter().chain(letters));
    }
    text
}
