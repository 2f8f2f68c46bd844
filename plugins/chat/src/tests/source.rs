//! Finding what a model claims in what it saw.

use serde_json::json;

use crate::Source;

fn source() -> Source {
    Source::of(&json!({
        "name": "Ada  BYRON",
        "bio": "Head of Growth at O’Neill & Söhne. Mail: ada.b@mail.example.com. Backup x.bo@example.org, \
                IG @ada_b. Tel. +49 (0)30 / 9018-20, fax 0049 30 901821 or 030 555 66 77; order 123456789012",
        "tags": ["ski", "ing"],
        "phone": 4_915_112_345_678_u64,
        "url": "https://instagram.com/ada_b"
    }))
}

#[test]
fn words_are_found_whole_apart_from_case_spaces_and_quotes() {
    for said in ["ada byron", " Head  of growth", "O'Neill & söhne", "“head of growth”", "Growth at…", "ski", "\"Ada\""]
    {
        assert!(source().says(said), "{said}");
    }
    for not_said in ["ad", "ead of", "Grow", "skiing", "ski ing", "", " ", "…", "head of growth at apple", "bio"] {
        assert!(!source().says(not_said), "{not_said}");
    }
}

#[test]
fn addresses_are_found_whole() {
    for said in ["ada.b@mail.example.com", "ADA.B@MAIL.example.com", "x.bo@example.org", "ada_b"] {
        assert!(source().names(said), "{said}");
    }
    for not_said in ["b@mail.example.com", "bo@example.org", "ada.b@mail.example", "ada.b", "ada_", "x.bo", "", "@"] {
        assert!(!source().names(not_said), "{not_said}");
    }
}

#[test]
fn phone_numbers_are_found_digit_for_digit() {
    for said in
        ["+49 30 901820", "0049-30-901820", "+49 (0)30 901820", "+4930901821", "030 5556677", "+49 151 12345678"]
    {
        assert!(source().has_number(said), "{said}");
    }
    for not_said in
        ["+49 30 5556677", "+49 30 9018", "+49 30 9018200", "1234567890", "3456789012", "", "call me", "1234"]
    {
        assert!(!source().has_number(not_said), "{not_said}");
    }
}

#[test]
fn hostile_texts_are_looked_through_quickly() {
    let long = Source::of(&json!("0-".repeat(200_000)));
    assert!(!long.has_number("+49 30 901820"));
    assert!(!long.has_number("000000000"));
    let same = Source::of(&json!("ab ".repeat(100_000)));
    assert!(!same.names("ab ab@"));
}
