//! Whole numbers as JSON Schema counts them: `443.0` is one.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Number;

/// The end of the floats that are exact: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number from 0 on within the range of its type, or nothing.
///
/// # Errors
/// If it is anything else.
pub fn option<'de, D: Deserializer<'de>, T: TryFrom<u64>>(input: D) -> Result<Option<T>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(input)? else { return Ok(None) };
    let float = || number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..EXACT).contains(float));
    let whole = number.as_u64().or_else(|| float().map(|float| float as u64));
    let fits = whole.and_then(|whole| T::try_from(whole).ok());
    fits.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is no whole number, or out of range")))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        #[derive(Debug, serde::Deserialize)]
        struct Port {
            #[serde(default, deserialize_with = "super::option")]
            port: Option<u16>,
        }
        let port = |text: &str| serde_json::from_str(text).map(|Port { port }| port);
        for (text, expected) in [
            (r#"{"port": 443}"#, Some(443)),
            (r#"{"port": 443.0}"#, Some(443)),
            (r#"{"port": 4.43e2}"#, Some(443)),
            (r#"{"port": -0.0}"#, Some(0)),
            (r#"{"port": null}"#, None),
            ("{}", None),
        ] {
            assert_eq!(port(text).unwrap(), expected, "{text}");
        }
        for text in
            [r#"{"port": 443.5}"#, r#"{"port": -1}"#, r#"{"port": 65536.0}"#, r#"{"port": 1e30}"#, r#"{"port": "443"}"#]
        {
            assert!(port(text).is_err(), "{text}");
        }
    }
}
