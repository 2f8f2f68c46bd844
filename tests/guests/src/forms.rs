/// The spellings in which a text usually comes back: as it is, percent-encoded, JSON-escaped, in hexadecimal, and in
/// base64 at each of its three alignments.
fn forms(text: &str) -> Vec<String> {
    let hex = |upper: bool| -> String {
        let digits = text.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") });
        digits.collect()
    };
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut forms = vec![
        text.to_owned(),
        percent(text, "-._~", true),
        percent(text, "-._~", false),
        percent(text, "-._~", true).replace("%20", "+"),
        // JavaScript's encodeURIComponent, Python's quote, and a browser's form.
        percent(text, "-._~!*'()", true),
        percent(text, "-._~/", true),
        percent(text, "-._*", true).replace("%20", "+"),
        escaped.replace('/', "\\/"),
        ascii(&escaped),
        escaped,
        hex(false),
        hex(true),
    ];
    for before in ["", "a", "ab"] {
        for after in ["", "z", "zz"] {
            let standard = base64(format!("{before}{text}{after}").as_bytes());
            forms.push(standard.replace('+', "-").replace('/', "_"));
            forms.push(standard);
        }
    }
    forms
}

fn percent(text: &str, kept: &str, upper: bool) -> String {
    let encode = |byte: u8| match char::from(byte) {
        plain if plain.is_ascii_alphanumeric() || kept.contains(plain) => plain.to_string(),
        _ if upper => format!("%{byte:02X}"),
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(encode).collect()
}

fn ascii(text: &str) -> String {
    let escape = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) };
    text.chars().map(escape).collect()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4_usize {
            let sextet = (group >> (18 - 6 * index)) & 63;
            text.push(if index <= chunk.len() { char::from(ALPHABET[sextet as usize]) } else { '=' });
        }
    }
    text
}
