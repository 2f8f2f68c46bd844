//! Placeholders of secrets in a request: where they stand, what is shown of the request, and what is sent.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;

use super::failure::{Failure, Part};
use super::message::{Checked, MAX_HEADER_BYTES, invalid, sensitive, too_large};
use crate::capabilities::secrets::{Placed, Placeholders, Spelling};
use crate::config::HttpConfig;
use crate::domain::SecretText;

/// Longest query with secrets in it, in bytes: a URI has no room for more.
const MAX_QUERY_BYTES: usize = 60 << 10;

/// The content type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// Base64 with or without its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a request shows of itself.
pub(super) struct Shown {
    pub(super) url: String,
    pub(super) body: Option<Vec<u8>>,
}

impl Checked {
    /// The slots of the secrets whose placeholders it holds.
    ///
    /// # Errors
    /// If one stands where no secret may go.
    pub(super) fn slots<'p>(&self, placeholders: &'p Placeholders) -> Result<BTreeSet<&'p str>, Failure> {
        if placeholders.is_empty() {
            return Ok(BTreeSet::new());
        }
        let raw = |text: &[u8]| placeholders.slots_in(Spelling::Raw, text);
        let path = placeholders.slots_in(Spelling::Percent, self.target.url.path().as_bytes());
        let names = self.headers.keys().flat_map(|name| raw(name.as_str().as_bytes()));
        let misplaced = [(path, "path"), (raw(self.target.host.as_bytes()), "host"), (names.collect(), "header names")];
        for (slots, place) in misplaced {
            if let Some(slot) = slots.first() {
                let message = format!("the placeholder of the secret `{slot}` stands in the request's {place}");
                return Err(Failure::Denied(format!("{message}, where no secret may go")));
            }
        }
        let mut slots = placeholders.slots_in(Spelling::Percent, self.url.query().unwrap_or_default().as_bytes());
        for (name, value) in &self.headers {
            slots.extend(raw(value.as_bytes()));
            if let Some(login) = login(name, value) {
                slots.extend(raw(&login));
            }
        }
        if let Some(body) = &self.body {
            let spelling = if self.essence() == FORM { Spelling::Percent } else { Spelling::Raw };
            slots.extend(placeholders.slots_in(spelling, body));
        }
        Ok(slots)
    }

    /// The URL and the body without secrets and without placeholders, which no other call would match: parameters of the
    /// query that hold one are left out, and in the body `[secret NAME]` stands in its place.
    /// The body only if it is asked for.
    pub(super) fn shown(&self, placeholders: &Placeholders, slots: &BTreeSet<&str>, with_body: bool) -> Shown {
        let mut url = self.target.url.clone();
        let body = self.body.as_ref().filter(|_| with_body);
        if slots.is_empty() {
            return Shown { url: url.into(), body: body.cloned() };
        }
        let kept = url.query().map(|query| {
            let is_free = |pair: &&str| {
                let decoded: Vec<u8> = percent_decode_str(pair).collect();
                placeholders.slots_in(Spelling::Raw, &decoded).is_empty()
            };
            query.split('&').filter(is_free).collect::<Vec<_>>().join("&")
        });
        url.set_query(kept.as_deref().filter(|query| !query.is_empty()));
        let marks: Placed<'_> = slots.iter().map(|slot| (*slot, format!("[secret {slot}]").into())).collect();
        let marked = |body: &Vec<u8>| placeholders.replaced(self.spelling(body), body, &marks, usize::MAX);
        Shown { url: url.into(), body: body.map(|body| marked(body).unwrap_or_default()) }
    }

    /// Put secrets in the places of their placeholders. Nothing of the outcome is ever shown.
    pub(super) fn fill(
        &mut self,
        placeholders: &Placeholders,
        texts: &BTreeMap<&str, &SecretText>,
        config: &HttpConfig,
    ) -> Result<(), Failure> {
        if texts.is_empty() {
            return Ok(());
        }
        let texts: Placed<'_> = texts.iter().map(|(slot, text)| (*slot, text.expose().into())).collect();
        if let Some(query) = self.url.query() {
            let filled = placeholders.replaced(Spelling::Percent, query.as_bytes(), &texts, MAX_QUERY_BYTES);
            let filled = filled.and_then(|query| String::from_utf8(query).ok());
            let filled = filled.ok_or_else(|| invalid(Part::Url, "the URL with its secrets is too long"))?;
            self.url.set_query(Some(&filled));
        }
        self.fill_headers(placeholders, &texts)?;
        if let Some(body) = &self.body {
            let filled = placeholders.replaced(self.spelling(body), body, &texts, config.body_bytes);
            self.body = Some(filled.ok_or_else(|| too_large(config))?);
        }
        Ok(())
    }

    fn fill_headers(&mut self, placeholders: &Placeholders, texts: &Placed<'_>) -> Result<(), Failure> {
        let mut room = MAX_HEADER_BYTES + SecretText::MAX_BYTES;
        for (name, value) in &mut self.headers {
            let replaced = |bytes: &[u8]| {
                let too_long = || {
                    let message = "the headers with their secrets are too large";
                    invalid(Part::HeaderSize(MAX_HEADER_BYTES as u32), message)
                };
                placeholders.replaced(Spelling::Raw, bytes, texts, room).ok_or_else(too_long)
            };
            let filled = match login(name, value) {
                Some(login) if !placeholders.slots_in(Spelling::Raw, &login).is_empty() => {
                    format!("Basic {}", STANDARD.encode(replaced(&login)?)).into_bytes()
                }
                _ if placeholders.slots_in(Spelling::Raw, value.as_bytes()).is_empty() => continue,
                _ => replaced(value.as_bytes())?,
            };
            room = room.saturating_sub(filled.len());
            *value = sensitive(name, &filled)?;
        }
        Ok(())
    }

    /// How a text stands in the body: by its type, else by what it looks like, since many clients say nothing of it.
    fn spelling(&self, body: &[u8]) -> Spelling {
        match self.essence().as_str() {
            FORM => Spelling::Percent,
            "application/json" | "text/json" => Spelling::Json,
            other if other.ends_with("+json") => Spelling::Json,
            _ => {
                let opens = body.iter().find(|byte| !byte.is_ascii_whitespace());
                let is_json = matches!(opens, Some(b'{' | b'[')) && serde_json::from_slice::<&RawValue>(body).is_ok();
                if is_json { Spelling::Json } else { Spelling::Raw }
            }
        }
    }

    /// The content type without its parameters.
    fn essence(&self) -> String {
        let content_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// The user and password of HTTP basic.
fn login(name: &HeaderName, value: &HeaderValue) -> Option<Vec<u8>> {
    let text = value.to_str().ok().filter(|_| name == AUTHORIZATION)?;
    let (scheme, encoded) = text.split_once(' ')?;
    LENIENT.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))
}

#[cfg(test)]
mod tests;
