use super::*;

fn scan(text: &str) -> Result<&str, ScanError> {
    let mut scanner = Scanner::new(text);
    let value = scanner.skip()?;
    scanner.end()?;
    Ok(value)
}

#[test]
fn it_agrees_with_serde_json_on_what_is_valid() {
    let texts = [
        "",
        " ",
        "1",
        "-1",
        "01",
        "-",
        "-0",
        "0.",
        ".5",
        "1.5e+10",
        "1e",
        "1e-",
        "1E5",
        "true",
        "tru",
        "truex",
        "null",
        "nul",
        "\"\"",
        "\"a",
        "\"\\q\"",
        "\"\\u12\"",
        "\"\\u12aG\"",
        "\"\\u00e9\"",
        "\"a\tb\"",
        "\"a\u{1f}b long enough\"",
        "\"é😀 with some more text\"",
        "[]",
        "[ ]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1, [2, {}]]",
        "{}",
        "{ }",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1,\"b\":[]}",
        "{a:1}",
        "{\"a\" : 1 }",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "\u{feff}1",
        "[[[[]]]]",
        "+1",
        "Infinity",
        "NaN",
        "'a'",
        "\"\\\\\"",
        "\"\\\"\"",
        "[\"a\\n\",-0.0e0]",
        "\u{a0}1",
        "1\0",
    ];
    for text in texts {
        let expected = serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        assert_eq!(scan(text).is_ok(), expected, "{text:?}");
    }
}

#[test]
fn it_gives_the_text_of_a_value() {
    assert_eq!(scan(" {\"a\": [1 , 2]} ").unwrap(), "{\"a\": [1 , 2]}");
}

#[test]
fn special_bytes_are_found_at_every_position() {
    for length in 0..40 {
        for special in [b'"', b'\\', 0x00, 0x1f, b'\n'] {
            let mut bytes = vec![0xc3; length];
            bytes.extend([special, b'"', 0x01, b'x', 0x7f, 0x20, 0x21, 0x23, 0x5b, 0x5d]);
            assert_eq!(plain_until(&bytes, 0), length);
        }
        assert_eq!(plain_until(&vec![0xff; length], 0), length);
    }
}

#[test]
fn depth_costs_no_stack() {
    let deep = "[".repeat(1_000_000);
    assert_eq!(scan(&deep), Err(ScanError { offset: 1_000_000 }));
    assert!(scan(&format!("{deep}{}", "]".repeat(1_000_000))).is_ok());
}

#[test]
fn keys_are_compared_unescaped() {
    let key = Key { raw: "sc\\u006fre", escaped: true };
    assert!(key.is("score") && !key.is("scor"));
    assert_eq!(unescape("\\ud800"), "\\ud800");
}
