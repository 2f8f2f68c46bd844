//! `ai.interest`
