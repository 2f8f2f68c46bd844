//! `blockyard serve`

use std::net::SocketAddr;
use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Usage;
use super::settings::{Engine, set};
use super::stop::Stop;
use crate::api::{self, ApiState, Parts};
use crate::app::App;
use crate::config::{ApiConfig, Config};

/// How long connections get to close once nothing runs any more.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that may be open besides event streams, unless the configuration says how many in all.
const BESIDES_STREAMS: usize = 2_048;
/// Files that are kept for all but connections, if so many may be open that this is less than half.
const OTHER_FILES: usize = 256;

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen: a loopback address; port 0 takes a free one
    #[arg(long, env = "BLOCKYARD_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The database: `sqlite://PATH`, `sqlite::memory:` or `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(long, env = "BLOCKYARD_DATABASE", default_value = "sqlite://blockyard.db", value_name = "URL")]
    database: String,
    /// A name to answer to besides those of this machine's loopback; may be given several times
    #[arg(long = "allowed-host", env = "BLOCKYARD_ALLOWED_HOSTS", value_name = "HOST", value_delimiter = ',')]
    allowed_hosts: Vec<String>,
    /// Largest request body [default: 16777216]
    #[arg(long, env = "BLOCKYARD_BODY_BYTES", value_name = "BYTES")]
    body_bytes: Option<usize>,
    /// Largest component that can be uploaded [default: 33554432]
    #[arg(long, env = "BLOCKYARD_UPLOAD_BYTES", value_name = "BYTES", value_parser = super::settings::at_least_one)]
    upload_bytes: Option<usize>,
    /// Longest time that a request may wait for an execution's end [default: 300000]
    #[arg(long, env = "BLOCKYARD_MAX_WAIT_MS", value_name = "MS")]
    max_wait_ms: Option<u64>,
    /// Event streams open at once [default: 2000]
    #[arg(long, env = "BLOCKYARD_MAX_STREAMS", value_name = "N")]
    max_streams: Option<usize>,
    /// Connections open at once; others wait [default: 2048 more than event streams, as far as files may be open]
    #[arg(long, env = "BLOCKYARD_MAX_CONNECTIONS", value_name = "N")]
    max_connections: Option<NonZero<usize>>,
    /// How long a reader of events may read nothing while it is behind, before it is dropped [default: 30000]
    #[arg(long, env = "BLOCKYARD_STREAM_PATIENCE_MS", value_name = "MS")]
    stream_patience_ms: Option<u64>,
    /// Time between two signs of life on an open stream [default: 15000]
    #[arg(long, env = "BLOCKYARD_HEARTBEAT_MS", value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    heartbeat_ms: Option<u64>,
    /// Only answer requests: jobs are left to `blockyard worker` processes on the same Postgres database
    #[arg(long, env = "BLOCKYARD_NO_WORKER")]
    no_worker: bool,
    #[command(flatten)]
    engine: Engine,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.config()?;
        let listen = config.api.listen;
        if !listen.ip().is_loopback() {
            let message = format!(
                "cannot listen on {listen}: without API keys, which this version does not have, everyone who reaches \
                 the address could run workflows. Use a loopback address such as 127.0.0.1:{}",
                listen.port()
            );
            return Err(Usage(message).into());
        }
        let connections = connections(&config.api, super::limits::raise_open_files());
        // Before anything is said to the outside, so that no signal is lost.
        let stop = Stop::new()?;
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let app = tokio::select! {
            app = App::start(config) => app?,
            () = stop.wait() => return Ok(ExitCode::SUCCESS),
        };
        let served = serve(&app, listener, connections, &stop).await;
        app.stop().await;
        served.map(|()| ExitCode::SUCCESS)
    }

    fn config(&self) -> Result<Config, Usage> {
        let mut config = self.engine.config(&self.database)?;
        config.jobs.worker = !self.no_worker;
        set(&mut config.uploads.bytes, self.upload_bytes);
        let api = &mut config.api;
        api.listen = self.listen;
        api.allowed_hosts.clone_from(&self.allowed_hosts);
        set(&mut api.body_bytes, self.body_bytes);
        set(&mut api.max_wait, self.max_wait_ms.map(Duration::from_millis));
        set(&mut api.max_streams, self.max_streams);
        api.max_connections = self.max_connections;
        set(&mut api.stream_patience, self.stream_patience_ms.map(Duration::from_millis));
        set(&mut api.heartbeat, self.heartbeat_ms.map(Duration::from_millis));
        Ok(config)
    }
}

/// Answer requests until a signal comes; then take no more connections, let running executions end, answer those who
/// wait for them, and close.
async fn serve(app: &App, listener: TcpListener, most: NonZero<usize>, stop: &Stop) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let state = ApiState::new(parts(app));
    let no_more = CancellationToken::new();
    let mut server = tokio::spawn(api::serve(listener, state.clone(), most, no_more.clone()));
    tracing::info!("listening on http://{address}");
    tokio::select! {
        () = stop.wait() => {}
        ended = &mut server => return ended.context("the HTTP server ended"),
    }
    tracing::info!("shutting down");
    no_more.cancel();
    app.queue.stop().await;
    state.close();
    let closed = async { tokio::join!(server, state.closed()) };
    if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
        tracing::warn!("connections are still open");
    }
    Ok(())
}

/// How many connections may be open at once in a process that may have so many `files` open.
fn connections(config: &ApiConfig, files: Option<usize>) -> NonZero<usize> {
    let wanted = config.max_connections.map_or(config.max_streams.saturating_add(BESIDES_STREAMS), NonZero::get);
    let possible = files.map_or(usize::MAX, |files| files - OTHER_FILES.min(files / 2));
    if wanted > possible {
        tracing::warn!("only {possible} connections may be open at once, for want of files that may be");
    }
    NonZero::new(wanted.min(possible)).unwrap_or(NonZero::<usize>::MIN)
}

fn parts(app: &App) -> Parts {
    Parts {
        config: app.config.api.clone(),
        sources: app.sources.clone(),
        store: app.store.clone(),
        vault: app.vault.clone(),
        hub: app.hub.clone(),
        catalogue: app.catalogue.clone(),
        uploads: app.uploads.clone(),
        orchestrator: app.orchestrator.clone(),
        queue: app.queue.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_to_others() {
        let most = |wanted: Option<usize>, files| {
            let max_connections = wanted.and_then(NonZero::new);
            connections(&ApiConfig { max_connections, ..ApiConfig::default() }, files).get()
        };
        assert_eq!(most(None, None), 4_048);
        assert_eq!(most(None, Some(1 << 20)), 4_048);
        assert_eq!((most(None, Some(1_024)), most(None, Some(200)), most(None, Some(1))), (768, 100, 1));
        assert_eq!((most(Some(10), Some(200)), most(Some(9_000), None)), (10, 9_000));
    }
}
