//! `api.supabase`
