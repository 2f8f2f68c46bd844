//! What a manifest says, and what is wrong with it.

use std::collections::HashSet;

use jsonschema::Validator;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::domain::block::{HttpRule, Ports, Slot};
use crate::domain::problem::pointer;
use crate::domain::{Manifest, Problem};

/// Most findings about one manifest that are told.
const MOST_PROBLEMS: usize = 20;

fn problem(pointer: String, message: String) -> Problem {
    Problem::new(pointer, "invalid-manifest", message)
}

/// What a manifest says, if it is one.
pub(super) fn read(text: &str) -> Result<Manifest, Vec<Problem>> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| vec![problem(String::new(), format!("is no JSON: {error}"))])?;
    if let Some(schema) = schema() {
        let found = schema.iter_errors(&value).take(MOST_PROBLEMS);
        let found: Vec<Problem> =
            found.map(|error| problem(error.instance_path().to_string(), error.to_string())).collect();
        if !found.is_empty() {
            return Err(found);
        }
    }
    decode(&value).map_err(|found| vec![found])
}

fn decode(value: &Value) -> Result<Manifest, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| problem(place(error.path()), error.inner().to_string()))
}

/// A path as a JSON pointer, as far as it is known.
fn place(path: &Path) -> String {
    path.iter().fold(String::new(), |at, segment| match segment {
        Segment::Seq { index } => pointer(&at, index),
        Segment::Map { key } => pointer(&at, key),
        Segment::Enum { .. } | Segment::Unknown => at,
    })
}

/// `wit/manifest.schema.json`; `None` only if it does not compile, which a test rules out.
fn schema() -> Option<&'static Validator> {
    static SCHEMA: std::sync::LazyLock<Option<Validator>> = std::sync::LazyLock::new(|| {
        let schema = serde_json::from_str(include_str!("../../../../wit/manifest.schema.json")).ok()?;
        jsonschema::draft202012::new(&schema).ok()
    });
    SCHEMA.as_ref()
}

/// Where one part of a manifest speaks of what no other part has, and where two have one name.
pub(super) fn contradictions(manifest: &Manifest) -> Vec<Problem> {
    let mut found = Vec::new();
    for (member, slots) in [("secrets", &manifest.secrets), ("settings", &manifest.settings)] {
        let mut names = HashSet::new();
        for (index, slot) in slots.iter().enumerate().filter(|(_, slot)| !names.insert(&slot.name)) {
            found.push(problem(format!("/{member}/{index}/name"), format!("`{}` is there twice", slot.name)));
        }
    }
    let (secrets, settings) = (names(&manifest.secrets), names(&manifest.settings));
    for (index, rule) in manifest.http.iter().enumerate() {
        found.extend(undeclared(&secrets, &settings, rule, &format!("/http/{index}")));
    }
    found.extend(odd_outputs(manifest));
    found.truncate(MOST_PROBLEMS);
    found
}

fn names(slots: &[Slot]) -> HashSet<&str> {
    slots.iter().map(|slot| slot.name.as_str()).collect()
}

/// The setting and the secrets of a rule that the block does not ask for: it would never get them.
fn undeclared(secrets: &HashSet<&str>, settings: &HashSet<&str>, rule: &HttpRule, at: &str) -> Vec<Problem> {
    let nowhere = |place: String, list: &str, name: &str| problem(place, format!("`{list}` has no `{name}`"));
    let setting = rule.host_from.as_deref().and_then(|from| from.strip_prefix("setting:"));
    let setting = setting.filter(|name| !settings.contains(name));
    let setting = setting.map(|name| nowhere(format!("{at}/hostFrom"), "settings", name));
    let secrets = rule.secrets.iter().enumerate().filter(|(_, name)| !secrets.contains(name.as_str()));
    let secrets = secrets.map(|(index, name)| nowhere(format!("{at}/secrets/{index}"), "secrets", name));
    setting.into_iter().chain(secrets).collect()
}

/// The outputs of examples that no port is there for. Ports that a config names are not looked at: it may be a template.
fn odd_outputs(manifest: &Manifest) -> Vec<Problem> {
    let Ports::Fixed(ports) = &manifest.outputs else { return Vec::new() };
    let ports: HashSet<&str> = ports.iter().map(|port| port.port.as_str()).collect();
    let outputs = manifest.examples.iter().enumerate().flat_map(|(index, example)| {
        let names = example.outputs.as_object().into_iter().flat_map(|outputs| outputs.keys());
        names.map(move |name| (index, name))
    });
    let odd = outputs.filter(|(_, name)| !ports.contains(name.as_str()));
    let odd = odd.map(|(index, name)| {
        problem(pointer(&format!("/examples/{index}/outputs"), name), format!("there is no port `{name}`"))
    });
    odd.take(MOST_PROBLEMS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn the_manifest_schema_compiles() {
        assert!(super::schema().is_some());
    }

    #[test]
    fn all_that_is_wrong_with_a_manifest_is_told() {
        let text = r#"{"type": "Custom", "version": "one", "name": 7, "outputs": [{"port": "out"}]}"#;
        let found = super::read(text).unwrap_err();
        let pointers: Vec<&str> = found.iter().map(|problem| problem.pointer.as_str()).collect();
        for pointer in ["/name", "/type", "/version"] {
            assert!(pointers.contains(&pointer), "{pointer} in {found:?}");
        }
        assert_eq!(super::read("{").unwrap_err()[0].pointer, "");
    }

    #[test]
    fn what_cannot_be_seen_is_in_no_name() {
        let text = |name: &str, rule: Value| {
            let manifest = json!({
                "type": "custom.x", "version": "1.0.0", "name": "\u{1f469}\u{200d}\u{1f52c} \u{fc}", "configSchema": true,
                "inputSchema": true, "outputs": [{"port": "out"}], "secrets": [{"name": name, "description": ""}],
                "http": [rule],
            });
            manifest.to_string()
        };
        let plain = json!({"host": "a.example", "pathPrefix": "/\u{fc} x", "secrets": ["cl\u{e9}"]});
        super::read(&text("cl\u{e9}", plain.clone())).unwrap();
        for (name, rule, pointer) in [
            ("a\u{1b}[2Kb", plain.clone(), "/secrets/0/name"),
            ("a\nb", plain.clone(), "/secrets/0/name"),
            ("k", json!({"host": "a.example", "pathPrefix": "/a\rb"}), "/http/0/pathPrefix"),
            ("k", json!({"host": "a.example", "pathPrefix": "/a\u{202e}b"}), "/http/0/pathPrefix"),
            ("k", json!({"host": "a.example", "secrets": ["k\u{200b}"]}), "/http/0/secrets/0"),
            ("k", json!({"hostFrom": "setting:a\u{7}"}), "/http/0/hostFrom"),
        ] {
            assert_eq!(super::read(&text(name, rule)).unwrap_err()[0].pointer, pointer);
        }
    }

    fn text(member: &str, value: Value) -> String {
        let mut manifest = json!({
            "type": "custom.x", "version": "1.0.0", "name": "X", "configSchema": true, "inputSchema": true,
            "outputs": [{"port": "out"}],
        });
        manifest[member] = value;
        manifest.to_string()
    }

    #[test]
    fn what_the_schema_lets_through_is_read() {
        let long = "n".repeat(64);
        let manifest = super::read(&text("type", json!(format!("{long}.{long}")))).unwrap();
        assert_eq!(manifest.block_type.as_str().len(), 129);
        let manifest = super::read(&text("http", json!([{"host": "a.example", "port": 443.0}]))).unwrap();
        assert_eq!(manifest.http[0].port, Some(443));
        let most = (1_u64 << 53) - 1;
        let limits = json!({"timeoutMs": most as f64, "cpuMs": 1e3, "memoryBytes": most});
        let limits = super::read(&text("limits", limits)).unwrap().limits;
        assert_eq!((limits.timeout_ms, limits.cpu_ms, limits.memory_bytes), (Some(most), Some(1000), Some(most)));
        super::read(&text("version", json!("9999999999999999999.0.0-rc.1+b"))).unwrap();
        for (member, value, place) in [
            ("type", json!(format!("custom.{long}n")), "/type"),
            ("type", json!(format!("{long}n.x")), "/type"),
            ("version", json!("18446744073709551616.0.0"), "/version"),
            ("http", json!([{"host": "a.example", "port": 443.5}]), "/http/0/port"),
            ("http", json!([{"host": "a.example", "port": 65536.0}]), "/http/0/port"),
            ("limits", json!({"timeoutMs": 1e30}), "/limits/timeoutMs"),
            ("limits", json!({"memoryBytes": u64::MAX}), "/limits/memoryBytes"),
        ] {
            let found = super::read(&text(member, value)).unwrap_err();
            assert_eq!(found[0].pointer, place, "{found:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_pointer() {
        let manifest = |member: &str, value: Value| serde_json::from_str::<Value>(&text(member, value)).unwrap();
        let found = super::decode(&manifest("http", json!([{"port": 1}, {"port": "x"}]))).unwrap_err();
        assert_eq!(found.pointer, "/http/1/port");
        let found = super::decode(&manifest("http", json!([{"a/b": 1}]))).unwrap_err();
        assert!(found.pointer.starts_with("/http/0"), "{found:?}");
        assert_eq!(super::decode(&json!(7)).unwrap_err().pointer, "");
    }

    #[test]
    fn a_manifest_agrees_with_itself() {
        let found = |manifest: Value| -> Vec<String> {
            let mut whole: Value = serde_json::from_str(&text("name", json!("X"))).unwrap();
            whole.as_object_mut().unwrap().extend(manifest.as_object().unwrap().clone());
            let manifest = super::read(&whole.to_string()).unwrap();
            super::contradictions(&manifest).into_iter().map(|problem| problem.pointer).collect()
        };
        let slot = |name: &str| json!({"name": name, "description": ""});
        let example = |port: &str| json!({"name": "x", "config": {}, "input": 1, "outputs": {port: 1}});
        let fine = json!({
            "secrets": [slot("a"), slot("b")], "settings": [slot("a"), slot("url")],
            "http": [{"host": "a.example", "secrets": ["b"]}, {"hostFrom": "setting:url"}, {"hostFrom": "config:/u"}],
            "examples": [example("out")],
        });
        assert!(found(fine).is_empty());
        let from_config = json!({"outputs": {"portsFrom": "/x"}, "examples": [example("any")]});
        assert!(found(from_config).is_empty());
        for (manifest, place) in [
            (json!({"secrets": [slot("a"), slot("b"), slot("a")]}), "/secrets/2/name"),
            (json!({"settings": [slot("a"), slot("a")]}), "/settings/1/name"),
            (json!({"secrets": [slot("url")], "http": [{"hostFrom": "setting:url"}]}), "/http/0/hostFrom"),
            (
                json!({"secrets": [slot("a")], "http": [{"host": "a.example"}, {"host": "a.example", "secrets": ["a", "b"]}]}),
                "/http/1/secrets/1",
            ),
            (json!({"examples": [example("out"), example("other")]}), "/examples/1/outputs/other"),
        ] {
            assert_eq!(found(manifest), [place]);
        }
        let many: Vec<Value> = (0..99).map(|_| slot("a")).collect();
        assert_eq!(found(json!({"secrets": many})).len(), super::MOST_PROBLEMS);
    }
}
