//! Outgoing HTTP over TLS: certificates, names, HTTP/2 where it is offered, and connections that are used again.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use blockyard::app::App;
use blockyard::config::Rewrite;
use blockyard::domain::{NewSecret, Owner, UserId};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{Run, config, graph, node};
use crate::timeline::patiently;

/// A server with a certificate for `name`, signed by an authority whose certificate goes into `authority`.
struct Vendor {
    port: u16,
    connections: Arc<AtomicUsize>,
    http2: Arc<AtomicUsize>,
}

impl Vendor {
    async fn start(name: &str, protocols: &[&str], authority: &Path) -> Self {
        let tls = TlsAcceptor::from(Arc::new(server_config(name, protocols, authority)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let vendor = Self { port, connections: Arc::default(), http2: Arc::default() };
        let (connections, http2) = (vendor.connections.clone(), vendor.http2.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, connections, http2) = (tls.clone(), connections.clone(), http2.clone());
                tokio::spawn(async move {
                    // A client that does not trust the certificate is part of the tests.
                    let Ok(stream) = tls.accept(stream).await else { return };
                    connections.fetch_add(1, Ordering::SeqCst);
                    let service = service_fn(move |request| answer(request, http2.clone()));
                    drop(
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await,
                    );
                });
            }
        });
        vendor
    }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    http2: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.version() == Version::HTTP_2 {
        http2.fetch_add(1, Ordering::SeqCst);
    }
    let key = request.headers().get("x-api-key").map(|value| value.to_str().unwrap().to_owned());
    let body = json!({"data": {"status": "valid", "score": 90, "sources": [], "key": key}, "meta": {}});
    Ok(Response::new(Full::new(Bytes::from(body.to_string()))))
}

fn server_config(name: &str, protocols: &[&str], authority: &Path) -> ServerConfig {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(authority, issuer.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

/// An app whose `api.hunter` goes to the vendor, trusting `authority` or only the public authorities.
async fn app(vendor: &Vendor, authority: Option<&Path>) -> App {
    let mut config = config(&[]);
    let to = format!("https://localhost:{}", vendor.port);
    config.http.rewrites.push(Rewrite { from: "https://api.hunter.io/v2".into(), to });
    config.http.ca_file = authority.map(Path::to_owned);
    let app = App::start(config).await.unwrap();
    let hosts = ["api.hunter.io".to_owned()];
    let value = "key-that-stays-inside".to_owned().into();
    let secret = NewSecret::parse("hunter".parse().unwrap(), Owner::Shared, value, &hosts, None).unwrap();
    app.vault.put(&UserId::local(), secret).await.unwrap();
    app
}

async fn verify(app: &App) -> Result<Value, (String, String)> {
    let document = graph(json!([{"id": "it", "type": "api.hunter", "config": {"operation": "emailVerifier"}}]), &[]);
    let run = Run::new(app, document, json!({"email": "ada@example.com"}));
    let execution = patiently("the end", run.end()).await;
    let call = node(app, &execution, "it").await.call;
    match call.error {
        Some(error) => Err((error.code, error.message)),
        None => Ok(call.outputs.get("output").unwrap().to_value().unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_is_used_where_it_is_offered_and_one_connection_serves_many_requests() {
    for (protocols, expected) in [(&["h2", "http/1.1"][..], 6), (&["http/1.1"][..], 0)] {
        let directory = tempfile::TempDir::new().unwrap();
        let authority = directory.path().join("authority.pem");
        let vendor = Vendor::start("localhost", protocols, &authority).await;
        let app = app(&vendor, Some(&authority)).await;
        for _ in 0..6 {
            let told = verify(&app).await.unwrap();
            assert_eq!(told["key"], "[secret hunter]", "{told}");
        }
        assert_eq!(vendor.http2.load(Ordering::SeqCst), expected);
        assert_eq!(vendor.connections.load(Ordering::SeqCst), 1, "{protocols:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_nobody_or_for_another_name_is_refused() {
    let directory = tempfile::TempDir::new().unwrap();
    let authority = directory.path().join("authority.pem");
    let vendor = Vendor::start("localhost", &["http/1.1"], &authority).await;
    let (code, message) = verify(&app(&vendor, None).await).await.unwrap_err();
    assert_eq!(code, "transport");
    assert!(message.contains("certificate"), "{message}");
    let other = Vendor::start("api.example.com", &["http/1.1"], &authority).await;
    let (code, message) = verify(&app(&other, Some(&authority)).await).await.unwrap_err();
    assert_eq!(code, "transport");
    assert!(message.contains("certificate") && message.contains("localhost"), "{message}");
    assert_eq!(vendor.connections.load(Ordering::SeqCst) + other.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_file_without_certificates_keeps_the_server_from_starting() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut config = config(&[]);
    config.http.ca_file = Some(directory.path().join("none.pem"));
    let error = App::start(config.clone()).await.unwrap_err().to_string();
    assert!(error.contains("none.pem"), "{error}");
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "not a certificate").unwrap();
    config.http.ca_file = Some(empty);
    assert!(App::start(config).await.unwrap_err().to_string().contains("empty.pem"));
}
