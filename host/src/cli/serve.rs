//! `blockyard serve`

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::settings::{Engine, set};
use super::stop::Stop;
use super::{FAILED, Usage};
use crate::api::{ApiState, Parts, router};
use crate::app::App;
use crate::config::Config;

/// How long connections get to close once nothing runs any more.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

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
        super::limits::raise_open_files();
        // Before anything is said to the outside, so that no signal is lost.
        let mut stop = Stop::new()?;
        let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let app = App::start(config).await?;
        let served = serve(&app, listener, &mut stop).await;
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
        set(&mut api.stream_patience, self.stream_patience_ms.map(Duration::from_millis));
        set(&mut api.heartbeat, self.heartbeat_ms.map(Duration::from_millis));
        Ok(config)
    }
}

/// Answer requests until a signal comes; then take no more connections, let running executions end, answer those who
/// wait for them, and close.
async fn serve(app: &App, listener: TcpListener, stop: &mut Stop) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
    });
    let state = ApiState::new(parts(app));
    let no_more = CancellationToken::new();
    let server = axum::serve(listener, router(state.clone())).with_graceful_shutdown(no_more.clone().cancelled_owned());
    let mut server = tokio::spawn(server.into_future());
    tracing::info!("listening on http://{address}");
    tokio::select! {
        () = stop.wait() => {}
        ended = &mut server => return ended?.context("the HTTP server ended"),
    }
    tracing::info!("shutting down");
    no_more.cancel();
    let closing = async {
        app.queue.stop().await;
        state.close();
        let closed = async { tokio::join!(server, state.closed()) };
        if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
            tracing::warn!("connections are still open");
        }
    };
    tokio::select! {
        () = closing => Ok(()),
        () = stop.wait() => {
            tracing::warn!("stopped at once; what was recorded is safe");
            std::process::exit(i32::from(FAILED))
        }
    }
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
