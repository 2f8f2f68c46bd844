//! Handles to secrets. A block uses a secret without ever holding its text: the host writes it into the request.
//!
//! ```
//! use blockyard_sdk::http::Request;
//! use blockyard_sdk::{Failure, secrets, testing};
//!
//! fn call() -> Result<u16, Failure> {
//!     let key = secrets::get("weather")?;
//!     Ok(Request::get("https://api.weather.example/v1/today").bearer(&key).send()?.status())
//! }
//!
//! let host = testing::Host::new().secret("weather").exchange(
//!     serde_json::json!({"method": "GET", "url": "https://api.weather.example/v1/today"}),
//!     serde_json::json!({"status": 200}),
//! );
//! assert_eq!(host.within(call).unwrap(), 200);
//! assert_eq!(call().unwrap_err().code(), "secret-not-granted");
//! ```

use std::fmt;
use std::rc::Rc;

#[cfg(target_arch = "wasm32")]
use crate::bindings::blockyard::block::secrets as host;
use crate::{Failure, codes};

/// A secret of this call. It carries no text; cloning is cheap.
#[derive(Clone)]
pub struct Secret {
    name: Rc<str>,
    #[cfg(target_arch = "wasm32")]
    handle: Rc<host::Secret>,
}

/// Why there is no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The operator has not granted it to this block, or the manifest does not declare it.
    NotGranted(String),
    /// It has no value that this execution's user may use.
    NotSet(String),
    /// Anything else.
    Other(String),
}

/// Asks for a secret by the name that the manifest declares.
///
/// # Errors
/// If the block may not use it, or it has no value.
pub fn get(name: &str) -> Result<Secret, Error> {
    #[cfg(target_arch = "wasm32")]
    match host::get(name) {
        Ok(handle) => Ok(Secret { name: name.into(), handle: Rc::new(handle) }),
        Err(host::SecretError::NotGranted(message)) => Err(Error::NotGranted(message)),
        Err(host::SecretError::NotSet(message)) => Err(Error::NotSet(message)),
        Err(host::SecretError::Other(message)) => Err(Error::Other(message)),
    }
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::secret(name).map(|()| Secret { name: name.into() })
}

/// A secret that the block works without: `None` if it has no value.
///
/// # Errors
/// If the block may not use it.
pub fn get_optional(name: &str) -> Result<Option<Secret>, Error> {
    match get(name) {
        Ok(secret) => Ok(Some(secret)),
        Err(Error::NotSet(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text of a secret, for a block that cannot do without. Using it puts the interface `secrets-reveal` among the
/// component's imports, which needs a grant of its own; every use is written into the audit log.
///
/// # Errors
/// If the operator has not granted it.
pub fn reveal(secret: &Secret) -> Result<String, Error> {
    #[cfg(target_arch = "wasm32")]
    {
        use crate::bindings::blockyard::block::secrets_reveal;
        secrets_reveal::reveal(&secret.handle).map_err(|error| match error {
            host::SecretError::NotGranted(message) => Error::NotGranted(message),
            host::SecretError::NotSet(message) => Error::NotSet(message),
            host::SecretError::Other(message) => Error::Other(message),
        })
    }
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::stage::reveal(secret.name())
}

impl Secret {
    /// The name that it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn handle(&self) -> &host::Secret {
        &self.handle
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.name)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotGranted(message) | Self::NotSet(message) | Self::Other(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for Error {}

/// With the codes [`codes::SECRET_NOT_GRANTED`] and [`codes::SECRET_NOT_SET`].
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::NotGranted(_) => codes::SECRET_NOT_GRANTED,
            Error::NotSet(_) => codes::SECRET_NOT_SET,
            Error::Other(_) => codes::INTERNAL,
        };
        Self::new(code, error.to_string())
    }
}
