//! Values encrypted under the master key: XChaCha20-Poly1305 with a random nonce. Owner, name, hosts and blocks are bound
//! to the ciphertext, so that who can write to the database cannot send a secret elsewhere.

use std::fmt;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::domain::SecretText;
use crate::store::{Sealed, SealedSecret};

/// Bytes of a master key.
pub(super) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const KEY_ID_DOMAIN: &[u8] = b"blockyard/master-key-id/v1\0";
const VALUE_DOMAIN: &[u8] = b"blockyard/secret/v1\0";

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness;

/// Fill `bytes` from the operating system's cryptographic source.
///
/// # Errors
/// If it gives none.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    rustls::crypto::ring::default_provider().secure_random.fill(bytes).map_err(|_| NoRandomness)
}

/// A master key, ready to use.
pub(super) struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl Key {
    pub(super) fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        let hash = Sha256::new().chain_update(KEY_ID_DOMAIN).chain_update(bytes).finalize();
        let id = hash.iter().take(8).fold(String::with_capacity(16), |mut id, byte| {
            // Writing to a string cannot fail.
            let _ = write!(id, "{byte:02x}");
            id
        });
        Self { id, cipher: XChaCha20Poly1305::new(bytes.into()) }
    }

    /// A key as a person gives it: 64 hexadecimal digits or base64, with or without padding.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = Zeroizing::new(match text.len() {
            64 => from_hex(text)?,
            _ => BASE64_STANDARD.decode(text).or_else(|_| BASE64_STANDARD_NO_PAD.decode(text)).ok()?,
        });
        Some(Self::new(bytes.as_slice().try_into().ok()?))
    }

    /// Names the key and tells nothing of it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

/// A new key as text, for its file.
pub(super) fn new_key_text() -> Result<Zeroizing<String>, NoRandomness> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    fill_random(bytes.as_mut_slice())?;
    Ok(Zeroizing::new(BASE64_STANDARD.encode(bytes.as_slice())))
}

/// Why a stored secret cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// None of the keys at hand is the one that it was encrypted with.
    #[error(
        "it was encrypted with another master key ({key_id}; the current one is {current}): give that key in \
         BLOCKYARD_MASTER_KEY_PREVIOUS, or set the secret again"
    )]
    OtherKey {
        /// The key that the row names.
        key_id: String,
        /// The current key.
        current: String,
    },
    /// The key is known by its name, and the row does not fit it.
    #[error("its row in the database was altered, or the master key is another one; set the secret again")]
    Altered,
}

/// The keys at hand.
#[derive(Debug)]
pub(super) struct Keyring {
    current: Key,
    previous: Vec<Key>,
}

impl Keyring {
    pub(super) fn new(current: Key, previous: Vec<Key>) -> Self {
        Self { current, previous }
    }

    /// The key that is encrypted with.
    pub(super) fn current(&self) -> &Key {
        &self.current
    }

    /// Encrypt `value` into `secret`, whose other fields have to be in place.
    pub(super) fn seal(&self, secret: &mut SealedSecret, value: &SecretText) -> Result<(), NoRandomness> {
        let sealed = self.encrypt(&bound(secret), value)?;
        (secret.value, secret.nonce, secret.key_id) = (sealed.value, sealed.nonce, sealed.key_id);
        Ok(())
    }

    /// Encrypt `value`, and bind `bound` to it.
    pub(super) fn encrypt(&self, bound: &[u8], value: &SecretText) -> Result<Sealed, NoRandomness> {
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce)?;
        let payload = Payload { msg: value.expose().as_bytes(), aad: bound };
        // It fails only for texts of many gigabytes, and a secret is small.
        let sealed = self.current.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| NoRandomness)?;
        let (value, nonce) = (BASE64_STANDARD.encode(sealed), BASE64_STANDARD.encode(nonce));
        Ok(Sealed { value, nonce, key_id: self.current.id.clone() })
    }

    /// The value of `secret`.
    pub(super) fn open(&self, secret: &SealedSecret) -> Result<SecretText, Unreadable> {
        self.decrypt(&bound(secret), &secret.value, &secret.nonce, &secret.key_id)
    }

    /// What was encrypted with `bound`.
    pub(super) fn decrypt(
        &self,
        bound: &[u8],
        value: &str,
        nonce: &str,
        key_id: &str,
    ) -> Result<SecretText, Unreadable> {
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let Some(key) = keys.find(|key| key.id == key_id) else {
            return Err(Unreadable::OtherKey { key_id: key_id.to_owned(), current: self.current.id.clone() });
        };
        let decoded = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| Unreadable::Altered);
        let nonce = <[u8; NONCE_BYTES]>::try_from(decoded(nonce)?).map_err(|_| Unreadable::Altered)?;
        let sealed = decoded(value)?;
        let payload = Payload { msg: &sealed, aad: bound };
        let value = key.cipher.decrypt(&XNonce::from(nonce), payload).map_err(|_| Unreadable::Altered)?;
        let value = String::from_utf8(value).map_err(|_| Unreadable::Altered)?;
        SecretText::new(value).map_err(|_| Unreadable::Altered)
    }
}

/// What the ciphertext is bound to. Each part comes with its length, so that no two secrets share an encoding.
fn bound(secret: &SealedSecret) -> Vec<u8> {
    let mut bytes = VALUE_DOMAIN.to_vec();
    let number = |bytes: &mut Vec<u8>, number: usize| bytes.extend((number as u64).to_le_bytes());
    let text = |bytes: &mut Vec<u8>, text: &str| {
        number(bytes, text.len());
        bytes.extend(text.as_bytes());
    };
    text(&mut bytes, &secret.owner.key());
    text(&mut bytes, secret.name.as_str());
    number(&mut bytes, secret.hosts.len());
    secret.hosts.iter().for_each(|host| text(&mut bytes, host));
    match &secret.blocks {
        None => bytes.push(0),
        Some(blocks) => {
            bytes.push(1);
            number(&mut bytes, blocks.len());
            blocks.iter().for_each(|block| text(&mut bytes, block.as_str()));
        }
    }
    bytes
}
