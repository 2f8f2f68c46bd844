//! The tables, one vendor a file. The facts behind them are the vendors' documentation and clients.

mod apify;
mod apollo;
mod hunter;
mod hunter_errors;
mod meta;
mod meta_errors;
mod mixedbread;
mod openrouter;
mod supabase;

use crate::table::Vendor;

/// All vendors.
pub(crate) fn all() -> Vec<Vendor> {
    vec![
        apify::vendor(),
        openrouter::vendor(),
        hunter::vendor(),
        apollo::vendor(),
        meta::vendor(),
        mixedbread::vendor(),
        supabase::vendor(),
    ]
}

/// The operations of a block that the tables run, by the config's `operation`.
pub(crate) fn operations_of<'a>(vendors: &'a [Vendor], block: &'a str) -> impl Iterator<Item = &'a str> {
    let operations = vendors.iter().flat_map(|vendor| &vendor.suites).flat_map(|suite| &suite.operations);
    let of_block = operations.filter(move |operation| operation.block == block);
    of_block.map(|operation| operation.config["operation"].as_str().unwrap_or_default())
}
