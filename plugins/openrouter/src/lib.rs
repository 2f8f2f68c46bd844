//! `ai.openrouter`
