//! `api.hunter`
