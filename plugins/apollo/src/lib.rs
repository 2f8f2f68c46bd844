//! `api.apollo`
