//! The secret store.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// Where the master key comes from. Keys are 32 bytes, as base64 or as 64 hexadecimal digits.
#[derive(Clone, Default)]
pub struct SecretsConfig {
    /// The key that stored secrets are encrypted with. `BLOCKYARD_MASTER_KEY`, default the key file's.
    pub master_key: Option<Zeroizing<String>>,
    /// Older keys: what is stored under them is encrypted anew at the start. `BLOCKYARD_MASTER_KEY_PREVIOUS`, separated
    /// by commas, default none.
    pub previous_keys: Vec<Zeroizing<String>>,
    /// The file with the key, made at the first start. `BLOCKYARD_MASTER_KEY_FILE`, default the database's path and
    /// `.key`. Without a file and without a key there is one in memory, which ends with the process.
    pub key_file: Option<PathBuf>,
}

impl fmt::Debug for SecretsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsConfig")
            .field("master_key", &self.master_key.as_ref().map(|_| "given"))
            .field("previous_keys", &self.previous_keys.len())
            .field("key_file", &self.key_file)
            .finish()
    }
}
