//! `api.meta-audience`
