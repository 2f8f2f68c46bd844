//! The table of Meta's guide.

use serde_json::{Value, json};

use crate::keys::Key;
use crate::normalize::{Surroundings, cell, is_usable, plain, sha256};

const YEAR: u32 = 2026;

fn around(country: &str) -> Surroundings<'_> {
    Surroundings { country, this_year: YEAR }
}

#[test]
fn the_guides_own_vectors_come_out() {
    let email = cell(Key::Email, &json!("mary@example.com"), around(""));
    assert_eq!(email, Some(json!("f1904cf1a9d73a55fa5de0ac823c4403ded71afd4c3248d00bdcd0866552bb79")));
    let phone = cell(Key::Phone, &json!("15559876543"), around(""));
    assert_eq!(phone, Some(json!("1ef970831d7963307784fa8688e8fce101a15685d62aa765fed23f3a2c576a4e")));
    assert_eq!(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn values_are_normalised_as_the_table_says() {
    let rows: &[(Key, &str, &str, &str)] = &[
        (Key::Email, "", " Mary@Example.COM \n", "mary@example.com"),
        (Key::Email, "", "m.a.r.y+news@gmail.com", "m.a.r.y+news@gmail.com"),
        (Key::Email, "", "none", ""),
        (Key::Phone, "", "+1 (555) 987-6543", "15559876543"),
        (Key::Phone, "", "0044 20 7946 0018", "442079460018"),
        (Key::Phone, "", "0000", ""),
        (Key::Phone, "", "call me", ""),
        (Key::Gen, "", "Female", "f"),
        (Key::Gen, "", "M", "m"),
        (Key::Gen, "", "x", ""),
        (Key::Doby, "", "1985", "1985"),
        (Key::Doby, "", "1899", ""),
        (Key::Doby, "", "2027", ""),
        (Key::Dobm, "", "7", "07"),
        (Key::Dobm, "", "13", ""),
        (Key::Dobd, "", "31", "31"),
        (Key::Dobd, "", "0", ""),
        (Key::Fn, "", " Valéry ", "valéry"),
        (Key::Fn, "", "정", "정"),
        (Key::Fn, "", "Mary-Ann  Jr.", "maryann jr"),
        (Key::Fn, "", "आदित्य", "आदित्य"),
        (Key::Ln, "", "O’Neil", "oneil"),
        (Key::Ln, "", "D'Arcy (ex)", "darcy ex"),
        (Key::Ln, "", "...", ""),
        (Key::Fi, "", "Élodie", "é"),
        (Key::Fi, "", "(Tom)", "t"),
        (Key::Ct, "", "New York", "newyork"),
        (Key::Ct, "", "St. Moritz", "stmoritz"),
        (Key::Ct, "", "東京", ""),
        (Key::St, "us", "California", "ca"),
        (Key::St, "us", "New York", "ny"),
        (Key::St, "us", "CA", "ca"),
        (Key::St, "de", "Baden-Württemberg", "badenwürttemberg"),
        (Key::Zip, "us", "94035-1234", "94035"),
        (Key::Zip, "", "94035-1234", "94035"),
        (Key::Zip, "br", "01310-100", "01310-100"),
        (Key::Zip, "gb", "SW1A 1AA", "sw1a1"),
        (Key::Zip, "gb", "M1 1AE", "m11"),
        (Key::Zip, "gb", "SW1A1", "sw1a1"),
        (Key::Zip, "nl", "1012 AB", "1012ab"),
        (Key::Country, "", "US", "us"),
        (Key::Country, "", "UK", "gb"),
        (Key::Country, "", "United States", "us"),
        (Key::Country, "", "Narnia", ""),
    ];
    for (key, country, given, expected) in rows {
        assert_eq!(plain(*key, given, around(country)), *expected, "{key:?} {given:?}");
        let hashed = cell(*key, &json!(given), around(country));
        let wanted = (!expected.is_empty()).then(|| json!(sha256(expected)));
        assert_eq!(hashed, wanted, "{key:?} {given:?}");
        assert_eq!(is_usable(*key, &json!(given), around(country)), wanted.is_some(), "{key:?} {given:?}");
    }
}

#[test]
fn hashed_values_pass_through_in_lower_case() {
    let hash = "F1904CF1A9D73A55FA5DE0AC823C4403DED71AFD4C3248D00BDCD0866552BB79";
    for key in [Key::Email, Key::Phone, Key::Fn, Key::Country, Key::Zip, Key::Gen, Key::Doby] {
        assert_eq!(cell(key, &json!(format!(" {hash} ")), around("")), Some(json!(hash.to_lowercase())), "{key:?}");
    }
    assert_ne!(cell(Key::Ln, &json!(&hash[1..]), around("")), Some(json!(hash[1..].to_lowercase())));
}

#[test]
fn ids_are_not_hashed() {
    assert_eq!(
        cell(Key::Madid, &json!(" 38400000-8CF0-11BD-B23E-10B96E40000D "), around("")),
        Some(json!("38400000-8cf0-11bd-b23e-10b96e40000d"))
    );
    assert_eq!(cell(Key::ExternId, &json!("CRM-42"), around("")), Some(json!("CRM-42")));
    assert_eq!(cell(Key::ExternId, &json!(9_007_199_254_740_993_u64), around("")), Some(json!("9007199254740993")));
    assert_eq!(cell(Key::LookalikeValue, &json!(12.5), around("")), Some(json!(12.5)));
    assert_eq!(cell(Key::DataProcessingOptions, &json!(["LDU"]), around("")), Some(json!(["LDU"])));
    assert_eq!(cell(Key::DataProcessingOptionsState, &json!(1000), around("")), Some(json!(1000)));
}

#[test]
fn nothing_is_made_of_nothing() {
    for value in
        [json!(""), json!("  \u{a0}"), Value::Null, json!(true), json!({}), json!([]), json!([[]]), json!([null])]
    {
        for key in [Key::Email, Key::Phone, Key::Fn, Key::Madid, Key::ExternId, Key::Zip, Key::Country] {
            assert_eq!(cell(key, &value, around("us")), None, "{key:?} {value}");
            assert!(!is_usable(key, &value, around("us")), "{key:?} {value}");
        }
    }
}

#[test]
fn numbers_are_read_as_they_are_written() {
    assert_eq!(cell(Key::Phone, &json!(15_559_876_543_u64), around("")), Some(json!(sha256("15559876543"))));
    assert_eq!(cell(Key::Phone, &json!(15_559_876_543.0), around("")), Some(json!(sha256("15559876543"))));
    assert_eq!(cell(Key::Doby, &json!(1985), around("")), Some(json!(sha256("1985"))));
    assert_eq!(cell(Key::Email, &json!(["", "a@example.com"]), around("")), Some(json!(sha256("a@example.com"))));
}
