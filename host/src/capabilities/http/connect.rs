//! Connections: resolved once, checked, and dialled at exactly the address that was checked.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::guard;

/// How long one address may keep the next from being tried (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);

/// Finds the addresses of a host name.
pub trait Resolve: Send + Sync {
    /// All of them, in the order of preference.
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// As the operating system does it.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) }.boxed()
    }
}

/// Opens TCP connections. Built with a guard, it refuses hosts of which any address is denied.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) guarded: bool,
    pub(super) timeout: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the network guard refuses `{host}`: {kind} address")]
    Denied { host: String, kind: &'static str },
    #[error("`{0}` cannot be resolved: {1}")]
    Resolve(String, io::Error),
    #[error("`{0}` has no address")]
    NoAddress(String),
    #[error("cannot connect to `{0}`: {1}")]
    Connect(String, io::Error),
    #[error("no connection to `{0}` in time")]
    Timeout(String),
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        async move {
            let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
            let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
            let connected = tokio::time::timeout(connector.timeout, connector.connect(host.clone(), port)).await;
            connected.unwrap_or(Err(ConnectError::Timeout(host))).map(TokioIo::new)
        }
        .boxed()
    }
}

impl Connector {
    async fn connect(&self, host: String, port: u16) -> Result<TcpStream, ConnectError> {
        let addresses = self.addresses(&host).await?;
        let stream = dial(&addresses, port).await.map_err(|error| ConnectError::Connect(host, error))?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY cannot be set");
        }
        Ok(stream)
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ConnectError> {
        let addresses = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => {
                let resolved = self.resolver.resolve(host.to_owned()).await;
                resolved.map_err(|error| ConnectError::Resolve(host.to_owned(), error))?
            }
        };
        if addresses.is_empty() {
            return Err(ConnectError::NoAddress(host.to_owned()));
        }
        // One denied address condemns all: whoever answers for the name may choose which one is dialled.
        if self.guarded
            && let Some(kind) = addresses.iter().find_map(|address| guard::denied(*address))
        {
            return Err(ConnectError::Denied { host: host.to_owned(), kind });
        }
        Ok(addresses)
    }
}

/// Try the addresses in their order, the next one when the one before fails or takes its time.
async fn dial(addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let mut attempts = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut rest = addresses.iter();
    loop {
        if let Some(address) = rest.next() {
            attempts.push(TcpStream::connect(SocketAddr::new(*address, port)));
        } else if attempts.is_empty() {
            return Err(last);
        }
        let ended = if rest.len() > 0 {
            match tokio::time::timeout(STAGGER, attempts.next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            }
        } else {
            attempts.next().await
        };
        match ended {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(error)) => last = error,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::TcpListener;

    use super::*;

    struct Fixed(Vec<&'static str>, Arc<AtomicUsize>);

    impl Resolve for Fixed {
        fn resolve(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            let addresses = self.0.iter().map(|address| address.parse().unwrap()).collect();
            async { Ok(addresses) }.boxed()
        }
    }

    fn connector(addresses: &[&'static str], guarded: bool) -> (Connector, Arc<AtomicUsize>) {
        let asked = Arc::<AtomicUsize>::default();
        let resolver = Arc::new(Fixed(addresses.to_vec(), Arc::clone(&asked)));
        (Connector { resolver, guarded, timeout: Duration::from_secs(5) }, asked)
    }

    async fn connect(connector: &mut Connector, uri: String) -> Result<(), ConnectError> {
        connector.call(uri.parse().unwrap()).await.map(drop)
    }

    #[tokio::test]
    async fn one_denied_address_condemns_the_name() {
        for addresses in [vec!["127.0.0.1"], vec!["1.1.1.1", "10.0.0.1"], vec!["1.1.1.1", "::1"]] {
            let (mut connector, _) = connector(&addresses, true);
            let error = connect(&mut connector, "http://a.example/".into()).await.unwrap_err();
            assert!(matches!(error, ConnectError::Denied { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn address_literals_pass_through_the_guard_without_a_resolver() {
        let (mut connector, asked) = connector(&["1.1.1.1"], true);
        for uri in
            ["http://127.0.0.1:1/", "http://[::1]:1/", "http://[::ffff:127.0.0.1]:1/", "https://169.254.169.254/"]
        {
            let error = connect(&mut connector, uri.into()).await.unwrap_err();
            assert!(matches!(error, ConnectError::Denied { .. }), "{uri}: {error}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn the_checked_address_is_dialled_and_the_name_is_asked_for_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mut connector, asked) = connector(&["127.0.0.1"], false);
        connect(&mut connector, format!("http://a.example:{port}/")).await.unwrap();
        listener.accept().await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    /// Gives a public address to whoever looks first, and this machine's to whoever looks again.
    struct Rebinding(AtomicUsize);

    impl Resolve for Rebinding {
        fn resolve(&self, _: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            let first = self.0.fetch_add(1, Ordering::Relaxed) == 0;
            let address = if first { "192.0.1.77" } else { "127.0.0.1" };
            async move { Ok(vec![address.parse().unwrap()]) }.boxed()
        }
    }

    #[tokio::test]
    async fn a_name_that_is_bound_anew_between_check_and_connect_leads_nowhere() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let resolver = Arc::new(Rebinding(AtomicUsize::new(0)));
        let timeout = Duration::from_millis(100);
        let mut connector = Connector { resolver: resolver.clone(), guarded: true, timeout };
        // The address that was checked is the one that is dialled, and nobody looks a second time; that it answers is
        // not to be expected.
        let first = connect(&mut connector, format!("http://a.example:{port}/")).await;
        assert!(!matches!(first, Err(ConnectError::Denied { .. })));
        assert_eq!(resolver.0.load(Ordering::Relaxed), 1);
        // The next connection looks again and is refused.
        let second = connect(&mut connector, format!("http://a.example:{port}/")).await;
        assert!(matches!(second, Err(ConnectError::Denied { .. })), "{second:?}");
        assert!(listener.accept().now_or_never().is_none());
    }

    #[tokio::test]
    async fn the_next_address_is_tried_when_one_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mut both, _) = connector(&["127.0.0.99", "127.0.0.1"], false);
        connect(&mut both, format!("http://a.example:{port}/")).await.unwrap();
        let (mut none, _) = connector(&[], false);
        let error = connect(&mut none, "http://a.example/".into()).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoAddress(_)));
    }
}
