//! What the AI blocks share.
