//! What a block asks for, in words.

use crate::domain::block::HttpRule;
use crate::domain::{Grant, Manifest};

/// The grant that gives a block all it asks for. Hosts that a config or a setting names stand there as they are asked for:
/// who grants them has to name them.
pub(super) fn asked(manifest: &Manifest, reveals: bool) -> Grant {
    let reveal = manifest.secrets.iter().filter(|_| reveals).map(|slot| slot.name.clone());
    Grant { http: manifest.http.clone(), reveal: reveal.collect(), stateless: manifest.stateless }
}

/// One line a permission.
pub(super) fn lines(grant: &Grant) -> Vec<String> {
    // What a manifest says must not rewrite what a person approves.
    let mut lines: Vec<String> = grant.http.iter().map(rule).collect();
    lines.extend(grant.reveal.iter().map(|name| format!("see the text of the secret `{name}`")));
    if grant.stateless {
        lines.push("keep its instances between calls (stateless)".to_owned());
    }
    lines.iter().map(|line| printable(line)).collect()
}

/// The text with everything that moves a terminal's cursor, or the direction of writing, written out.
pub(super) fn printable(text: &str) -> String {
    let moves = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if moves(character) { shown.extend(character.escape_unicode()) } else { shown.push(character) }
    }
    shown
}

fn rule(rule: &HttpRule) -> String {
    let scheme = rule.scheme.as_deref().unwrap_or("https");
    let place = match (&rule.host, rule.host_from.as_deref().and_then(|from| from.split_once(':'))) {
        (Some(host), _) => host.clone(),
        (None, Some(("setting", name))) => format!("<host of the setting {name}>"),
        (None, Some((_, pointer))) => format!("<host in the config at {pointer}>"),
        (None, None) => "<no host>".to_owned(),
    };
    let port = rule.port.map(|port| format!(":{port}")).unwrap_or_default();
    let path = rule.path_prefix.as_deref().unwrap_or("/");
    let methods = rule.methods.as_ref().map_or_else(|| "any method".to_owned(), |methods| methods.join(", "));
    let secrets = match rule.secrets.as_slice() {
        [] => String::new(),
        names => format!(", with the secret {}", names.join(", ")),
    };
    format!("send to {scheme}://{place}{port}{path} ({methods}){secrets}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn permissions_are_told_with_all_that_narrows_them() {
        let grant: Grant = serde_json::from_value(json!({
            "http": [
                {"host": "api.example.com", "methods": ["GET", "POST"], "pathPrefix": "/v1", "secrets": ["key"]},
                {"hostFrom": "config:/baseUrl", "port": 8443, "scheme": "http"},
                {"hostFrom": "setting:dbUrl"},
            ],
            "reveal": ["key"],
            "stateless": true,
        }))
        .unwrap();
        let expected = [
            "send to https://api.example.com/v1 (GET, POST), with the secret key",
            "send to http://<host in the config at /baseUrl>:8443/ (any method)",
            "send to https://<host of the setting dbUrl>/ (any method)",
            "see the text of the secret `key`",
            "keep its instances between calls (stateless)",
        ];
        assert_eq!(lines(&grant), expected);
        assert!(lines(&Grant::default()).is_empty());
    }
}
