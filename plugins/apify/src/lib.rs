//! `api.apify`
