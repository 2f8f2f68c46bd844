/// A number out of `seed` and a document; the order of an object's members does not matter, that of a list does.
fn mix(seed: u64, value: &Value) -> u64 {
    fn step(hash: u64, byte: u8) -> u64 {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    }
    fn text(hash: u64, text: &str) -> u64 {
        text.bytes().fold(step(hash, 1), step)
    }
    match value {
        Value::Array(items) => items.iter().fold(text(seed, "["), mix),
        Value::Object(members) => {
            members.iter().fold(text(seed, "{"), |sum, (key, value)| sum.wrapping_add(mix(text(seed, key), value)))
        }
        other => text(seed, &other.to_string()),
    }
}

/// Whether the probe with this number fires the port with that number; about two of three do.
fn fires(mixed: u64, port: u32) -> bool {
    (mixed >> (port * 8)) & 0xff > 85
}

/// Whether the probe with this number fails.
fn fails(mixed: u64, percent: u64) -> bool {
    (mixed >> 32) % 100 < percent
}
