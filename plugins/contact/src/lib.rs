//! `ai.contact`
