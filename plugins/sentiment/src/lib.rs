//! `ai.sentiment`
