//! `api.mixedbread`
