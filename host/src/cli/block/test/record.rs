//! Writing down what came of a case.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use blockyard_replay::Exchange;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::cli::layout;
use crate::domain::{CallResult, Json};

/// The members of a JSON object as they are written, in their order.
struct Members(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a case, which is an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

impl Members {
    fn set(&mut self, name: &str, value: Option<Json>) {
        let known = self.0.iter().position(|(known, _)| known == name);
        match (known, value) {
            (Some(index), Some(value)) => self.0[index].1 = value,
            (None, Some(value)) => self.0.push((name.to_owned(), value)),
            (Some(index), None) => drop(self.0.remove(index)),
            (None, None) => {}
        }
    }

    fn text(&self) -> String {
        let member = |(name, value): &(String, Json)| {
            let value = match name.as_str() {
                EXCHANGES => exchanges(value).unwrap_or_else(|| value.as_str().to_owned()),
                // No line break of JSON is inside of a string.
                _ => layout::pretty(value.as_str()).replace('\n', "\n  "),
            };
            format!("  {}: {value}", Json::encode(name).as_str())
        };
        let members: Vec<String> = self.0.iter().map(member).collect();
        format!("{{\n{}\n}}\n", members.join(",\n"))
    }
}

const EXCHANGES: &str = "exchanges";

/// A line for each request and response. A body stays as it came, to the last space.
fn exchanges(value: &Json) -> Option<String> {
    let exchanges: Vec<Exchange> = value.decode().ok()?;
    let line = |Exchange { request, response }: &Exchange| {
        let (request, response) = (serde_json::to_string(request).ok()?, serde_json::to_string(response).ok()?);
        Some(format!("    {{\n      \"request\": {request},\n      \"response\": {response}\n    }}"))
    };
    let lines: Vec<String> = exchanges.iter().map(line).collect::<Option<_>>()?;
    Some(format!("[\n{}\n  ]", lines.join(",\n")))
}

/// Put the outputs and exchanges of a call into its case's file; all else there stays as it is. A call that failed, as its
/// case expects, leaves the outputs alone.
pub(super) fn write(path: &Path, result: &CallResult) -> anyhow::Result<()> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(shown)?;
    let mut members: Members = serde_json::from_str(&text).with_context(shown)?;
    if result.error.is_none() {
        members.set("outputs", Some(Json::encode(&result.outputs)));
    }
    let exchanges = result.exchanges.as_ref().filter(|exchanges| exchanges.as_str() != "[]");
    members.set(EXCHANGES, exchanges.cloned());
    whole(path, members.text().as_bytes()).with_context(shown)
}

/// A reader sees the old file or the new one.
fn whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension(format!("json.{}.tmp", std::process::id()));
    let write = || {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&beside)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Outputs;

    #[test]
    fn only_what_was_recorded_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("case.json");
        let text = r#"{"input": 123456789012345678901234567890, "outputs": {"output": 1}, "name": "x", "config": {"b": 1, "a": 1.50}}"#;
        std::fs::write(&path, text).unwrap();
        let mut result = CallResult::pending();
        result.outputs = Outputs::single("output", Json::parse("2.0".to_owned()).unwrap());
        let request = r#"{"method": "GET", "url": "https://a.example/"}"#;
        let exchanges = format!(r#"[{{"request": {request}, "response": {{"status": 200, "body": {{"a":  1}}}}}}]"#);
        result.exchanges = Some(Json::parse(exchanges).unwrap());
        write(&path, &result).unwrap();
        let lines = [
            "{",
            "  \"input\": 123456789012345678901234567890,",
            "  \"outputs\": {",
            "    \"output\": 2.0",
            "  },",
            "  \"name\": \"x\",",
            "  \"config\": {",
            "    \"b\": 1,",
            "    \"a\": 1.50",
            "  },",
            "  \"exchanges\": [",
            "    {",
            "      \"request\": {\"method\":\"GET\",\"url\":\"https://a.example/\"},",
            "      \"response\": {\"status\":200,\"body\":{\"a\":  1}}",
            "    }",
            "  ]",
            "}\n",
        ];
        assert_eq!(std::fs::read_to_string(&path).unwrap(), lines.join("\n"));
        result.exchanges = Some(Json::parse("[]".to_owned()).unwrap());
        write(&path, &result).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("exchanges"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
