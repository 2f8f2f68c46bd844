//! Flags for what blocks send over HTTP.

use std::path::PathBuf;

use clap::Args;

use super::settings::{at_least_one, set};
use crate::config::{HttpConfig, Rewrite};

/// How blocks reach the network.
#[derive(Debug, Args)]
#[command(next_help_heading = "Outgoing HTTP")]
pub(super) struct Http {
    /// Send what blocks ask of one URL prefix to another, which may be on the inside:
    /// `https://api.hunter.io/v2=http://127.0.0.1:4010`; may be given several times
    #[arg(id = "http_rewrites", long = "http-rewrite", env = "BLOCKYARD_HTTP_REWRITE", value_name = "FROM=TO", value_delimiter = ',', value_parser = rewrite)]
    rewrites: Vec<Rewrite>,
    /// Certificates to trust besides the public ones, as PEM
    #[arg(id = "http_ca_file", long = "http-ca-file", env = "BLOCKYARD_HTTP_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Requests in flight at once [default: 256]
    #[arg(id = "http_in_flight", long = "http-in-flight", env = "BLOCKYARD_HTTP_IN_FLIGHT", value_name = "N", value_parser = at_least_one)]
    in_flight: Option<usize>,
    /// Requests in flight at once of all calls of one block [default: 64]
    #[arg(id = "http_in_flight_per_block", long = "http-in-flight-per-block", env = "BLOCKYARD_HTTP_IN_FLIGHT_PER_BLOCK", value_name = "N", value_parser = at_least_one)]
    in_flight_per_block: Option<usize>,
    /// Requests that one call of a block may send [default: 1000]
    #[arg(id = "http_requests_per_call", long = "http-requests-per-call", env = "BLOCKYARD_HTTP_REQUESTS_PER_CALL", value_name = "N", value_parser = at_least_one)]
    requests_per_call: Option<usize>,
    /// Requests a second to one host, 0 for no limit [default: 50]
    #[arg(id = "http_rate_per_host", long = "http-rate-per-host", env = "BLOCKYARD_HTTP_RATE_PER_HOST", value_name = "RATE", value_parser = rate)]
    rate_per_host: Option<f64>,
    /// The same for hosts of their own: `api.hunter.io=15`; may be given several times
    #[arg(id = "http_rates", long = "http-rate", env = "BLOCKYARD_HTTP_RATES", value_name = "HOST=RATE", value_delimiter = ',', value_parser = host_rate)]
    rates: Vec<(String, f64)>,
    /// Largest body of a request or an answer [default: 16777216]
    #[arg(id = "http_body_bytes", long = "http-body-bytes", env = "BLOCKYARD_HTTP_BODY_BYTES", value_name = "BYTES", value_parser = at_least_one)]
    body_bytes: Option<usize>,
    /// All bodies in flight together [default: 268435456]
    #[arg(id = "http_bytes_in_flight", long = "http-bytes-in-flight", env = "BLOCKYARD_HTTP_BYTES_IN_FLIGHT", value_name = "BYTES", value_parser = at_least_one)]
    bytes_in_flight: Option<usize>,
}

impl Http {
    /// Bring what was given into `config`.
    pub(super) fn apply(&self, config: &mut HttpConfig) {
        config.rewrites.clone_from(&self.rewrites);
        config.ca_file = self.ca_file.clone().filter(|path| !path.as_os_str().is_empty());
        config.rates = self.rates.iter().cloned().collect();
        set(&mut config.in_flight, self.in_flight);
        set(&mut config.in_flight_per_block, self.in_flight_per_block);
        set(&mut config.requests_per_call, self.requests_per_call);
        set(&mut config.rate_per_host, self.rate_per_host);
        set(&mut config.body_bytes, self.body_bytes);
        set(&mut config.bytes_in_flight, self.bytes_in_flight);
    }
}

fn rewrite(text: &str) -> Result<Rewrite, String> {
    let (from, to) = text.split_once('=').ok_or("must be FROM=TO, two URL prefixes")?;
    Ok(Rewrite { from: from.trim().to_owned(), to: to.trim().to_owned() })
}

fn rate(text: &str) -> Result<f64, String> {
    text.trim().parse().ok().filter(|rate: &f64| *rate >= 0.0).ok_or_else(|| "must be a number from 0 up".to_owned())
}

fn host_rate(text: &str) -> Result<(String, f64), String> {
    let (host, limit) = text.split_once('=').ok_or("must be HOST=RATE")?;
    Ok((host.trim().trim_end_matches('.').to_ascii_lowercase(), rate(limit)?))
}
