//! Where a JSON document of an execution lies: in its row, or numbered among the execution's payloads.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::{Deserialize, Serialize};

use crate::domain::{ExecutionId, Json};

use super::records::Record;

/// Longest document that is kept inside its row.
pub const INLINE_BYTES: usize = 256;

/// The number of the execution's input among its payloads.
pub const INPUT: u32 = 0;

/// A document as a row holds it, in text `{"json":…}` or `{"ref":n}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// The document itself, up to [`INLINE_BYTES`].
    Json(Json),
    /// The payload with this number.
    Ref(u32),
}

/// Documents by the port that they left through, as a row holds them.
pub type StoredOutputs = Vec<(String, Stored)>;

/// Numbers the payloads of one execution: equal documents are stored once.
#[derive(Debug)]
pub struct PayloadBook {
    execution_id: ExecutionId,
    next: u32,
    known: HashMap<Json, u32>,
}

impl PayloadBook {
    /// For a new execution, whose input is payload 0.
    pub fn new(execution_id: ExecutionId, input: &Json) -> Self {
        let mut book = Self::starting_at(execution_id, INPUT + 1);
        book.known.insert(input.clone(), INPUT);
        book
    }

    /// For an execution that goes on: numbers from `next` (see `Store::next_payload_number`).
    pub fn starting_at(execution_id: ExecutionId, next: u32) -> Self {
        Self { execution_id, next, known: HashMap::new() }
    }

    /// Keep `document`: small ones inline, others by number. A document that is new to the book is added to `records`,
    /// which must be written no later than the row that refers to it.
    pub fn keep(&mut self, document: &Json, records: &mut Vec<Record>) -> Stored {
        if document.len() <= INLINE_BYTES {
            return Stored::Json(document.clone());
        }
        // One look-up for both ways: hashing a large document is what this costs.
        let number = match self.known.entry(document.clone()) {
            Entry::Occupied(known) => return Stored::Ref(*known.get()),
            Entry::Vacant(new) => *new.insert(self.next),
        };
        self.next += 1;
        records.push(Record::Payload { execution_id: self.execution_id.clone(), number, body: document.clone() });
        Stored::Ref(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(text: &str) -> Json {
        Json::parse(format!("\"{}\"", text.repeat(INLINE_BYTES))).unwrap()
    }

    #[test]
    fn equal_documents_get_the_same_number_and_are_recorded_once() {
        let input = long("i");
        let mut book = PayloadBook::new("e".into(), &input);
        let mut records = Vec::new();
        assert_eq!(book.keep(&input, &mut records), Stored::Ref(0));
        assert_eq!(book.keep(&long("a"), &mut records), Stored::Ref(1));
        assert_eq!(book.keep(&long("b"), &mut records), Stored::Ref(2));
        assert_eq!(book.keep(&long("a"), &mut records), Stored::Ref(1));
        assert_eq!(records.len(), 2);
    }

    #[test]
    fn small_documents_stay_inline() {
        let mut records = Vec::new();
        let kept = PayloadBook::starting_at("e".into(), 7).keep(&Json::null(), &mut records);
        assert_eq!(kept, Stored::Json(Json::null()));
        assert!(records.is_empty());
    }

    #[test]
    fn the_text_forms_are_stable() {
        let outputs: StoredOutputs =
            vec![("kept".into(), Stored::Ref(3)), ("n".into(), Stored::Json(Json::parse("[1.0]".into()).unwrap()))];
        let text = serde_json::to_string(&outputs).unwrap();
        assert_eq!(text, r#"[["kept",{"ref":3}],["n",{"json":[1.0]}]]"#);
        assert_eq!(serde_json::from_str::<StoredOutputs>(&text).unwrap(), outputs);
    }
}
