//! What is really sent to webhooks: signed, tried again, given up, sent again; and where it is never sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use blockyard::app::App;
use blockyard::config::{Config, Rewrite};
use blockyard::domain::webhook::{Delivery, DeliveryStatus};
use blockyard::domain::{AuditEntry, JobStatus, JobType, Json, UserId};
use blockyard::jobs::{JobOptions, PreparedWebhook, Submit, Ticket, WebhookRequest};
use blockyard::store::Resent;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::support::{config, config_in_file};
use crate::timeline::patiently;

/// What the receiver does with a request.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Status(u16),
    /// Never answers.
    Hang,
    /// Says yes, and then does not stop.
    Giant,
    /// Goes away without a word.
    Close,
}

/// A request as it came.
#[derive(Clone, Debug)]
struct Received {
    headers: hyper::HeaderMap,
    body: Vec<u8>,
}

impl Received {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

/// Somebody's server for webhooks on loopback, which a rewrite leads to.
struct Receiver {
    port: u16,
    received: mpsc::UnboundedReceiver<Received>,
}

impl Receiver {
    /// Answers as told, then with 204.
    async fn open(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, received) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect::<VecDeque<_>>()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers.clone(), sender.clone()));
            }
        });
        Self { port, received }
    }

    fn config(&self, mut config: Config) -> Config {
        let to = format!("http://127.0.0.1:{}", self.port);
        config.http.rewrites.push(Rewrite { from: "https://hook.example".into(), to });
        config.http.rate_per_host = 0.0;
        config.jobs.backoff = Duration::from_millis(2);
        config.jobs.max_backoff = Duration::from_millis(8);
        config
    }

    async fn app(&self) -> App {
        App::start(self.config(config(&[]))).await.unwrap()
    }

    async fn next(&mut self) -> Received {
        patiently("a delivery", self.received.recv()).await.unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    sender: mpsc::UnboundedSender<Received>,
) -> Option<()> {
    loop {
        let received = read(&mut stream).await?;
        let answer = answers.lock().unwrap().pop_front().unwrap_or(Answer::Status(204));
        drop(sender.send(received));
        match answer {
            Answer::Status(status) => {
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nlocation: http://127.0.0.1:1/\r\n\r\n");
                stream.write_all(head.as_bytes()).await.ok()?;
            }
            // Until the other side gives up.
            Answer::Hang => drop(stream.read_u8().await.ok()?),
            Answer::Giant => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok()?;
                let chunk = [b"1000\r\n".as_slice(), &[b'x'; 0x1000], b"\r\n"].concat();
                loop {
                    stream.write_all(&chunk).await.ok()?;
                }
            }
            Answer::Close => return None,
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut headers = hyper::HeaderMap::new();
    for line in head.lines().skip(1) {
        let Some((name, value)) = line.split_once(": ") else { continue };
        let name: hyper::header::HeaderName = name.parse().unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    let length = headers["content-length"].to_str().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Received { headers, body })
}

fn prepare(app: &App, url: &str, events: &[&str]) -> PreparedWebhook {
    let events = events.iter().map(|event| (*event).to_owned()).collect();
    let request = WebhookRequest { url: url.to_owned(), events, secret: None };
    app.queue.prepare_webhook(request, &UserId::local()).unwrap()
}

/// A webhook for everything of this kind: its id and its secret.
async fn subscribe(app: &App, url: &str, events: &[&str]) -> (String, String) {
    let PreparedWebhook { webhook, made } = prepare(app, url, events);
    let id = webhook.id.clone();
    let entry = AuditEntry {
        id: app.sources.id(),
        at: 1,
        user_id: UserId::local(),
        action: "test".into(),
        subject: "test".into(),
        details: Json::null(),
    };
    app.store.create_webhook(webhook, entry).await.unwrap();
    (id, made.unwrap().expose().to_owned())
}

/// A job that gives back its input.
async fn echo(app: &App, input: Value, webhook: Option<PreparedWebhook>) -> Ticket {
    let node = json!({"id": "n", "type": "core.transform", "config": {"expression": "input"}});
    let payload = json!({"workflowDefinition": {"workflowId": "echo", "nodes": [node]}, "input": input});
    let submit = app.queue.prepare(JobType::Workflow, &payload.into(), &UserId::local()).await.unwrap();
    app.queue.submit(Submit { job: JobOptions { webhook, ..submit.job }, ..submit }).unwrap()
}

/// The delivery once it is so.
async fn becomes(app: &App, id: &str, status: DeliveryStatus) -> Delivery {
    let look = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(2));
        loop {
            let delivery = app.store.delivery(id).await.unwrap().unwrap();
            if delivery.status == status {
                return delivery;
            }
            ticks.tick().await;
        }
    };
    patiently(&format!("{status:?}"), look).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_fails_twice_gets_the_third_attempt_signed_like_the_first() {
    let mut receiver = Receiver::open(&[Answer::Status(500), Answer::Close]).await;
    let app = receiver.app().await;
    let (webhook_id, secret) = subscribe(&app, "https://hook.example/in?a=b", &["job:completed"]).await;
    let ticket = echo(&app, json!({"text": "Grüße 🚀"}), None).await;
    let received = [receiver.next().await, receiver.next().await, receiver.next().await];
    for request in &received {
        Webhook::new(&secret).unwrap().verify(&request.body, &request.headers).unwrap();
        assert_eq!(request.header("webhook-id"), received[0].header("webhook-id"));
        assert_eq!(request.body, received[0].body);
        assert_eq!(request.header("content-type"), "application/json");
    }
    let body = received[2].json();
    assert_eq!(body["type"], "job:completed");
    let data = &body["data"];
    assert_eq!((&data["jobId"], &data["status"]), (&json!(ticket.job_id.as_str()), &json!("completed")));
    assert_eq!((&data["result"], &data["entry"]["progress"]), (&json!({"text": "Grüße 🚀"}), &json!(100.0)));
    let delivery = becomes(&app, received[0].header("webhook-id"), DeliveryStatus::Delivered).await;
    assert_eq!((delivery.attempts, delivery.response_status, delivery.error), (3, Some(204), None));
    assert_eq!(delivery.webhook_id, webhook_id);
    let job = app.store.job(&delivery.job_id).await.unwrap().unwrap().summary;
    assert_eq!((job.job_type, job.status, job.attempts), (JobType::Webhook, JobStatus::Completed, 3));
    // Another key does not fit, nor does another body.
    assert!(
        Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .unwrap()
            .verify(&received[0].body, &received[0].headers)
            .is_err()
    );
    assert!(Webhook::new(&secret).unwrap().verify(b"{}", &received[0].headers).is_err());
    app.stop().await;
}

#[test]
fn the_scheme_of_signatures_is_the_one_that_is_published() {
    let webhook = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signature = webhook.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#).unwrap();
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jobs_own_webhook_hears_of_its_job_and_of_no_other() {
    let mut receiver = Receiver::open(&[]).await;
    let app = receiver.app().await;
    let own = prepare(&app, "https://hook.example/", &["job:progress", "job:completed", "job:failed"]);
    let ticket = echo(&app, json!(7), Some(own)).await;
    let secret = ticket.webhook_secret.clone().unwrap();
    let _other = echo(&app, json!(8), None).await;
    let mut kinds = Vec::new();
    while !kinds.contains(&"job:completed".to_owned()) || kinds.len() < 4 {
        let request = receiver.next().await;
        Webhook::new(secret.expose()).unwrap().verify(&request.body, &request.headers).unwrap();
        assert_eq!(request.json()["data"]["jobId"], ticket.job_id.as_str());
        kinds.push(request.kind());
    }
    assert!(kinds.contains(&"job:progress".to_owned()), "{kinds:?}");
    let webhook = app.store.webhook_of_job(&ticket.job_id).await.unwrap().unwrap();
    assert!(!webhook.active, "its job has ended");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_answers_410_is_left_alone() {
    let mut receiver = Receiver::open(&[Answer::Status(410)]).await;
    let app = receiver.app().await;
    let (webhook_id, _) = subscribe(&app, "https://hook.example/", &["job:completed"]).await;
    let _job = echo(&app, json!(1), None).await;
    let id = receiver.next().await.header("webhook-id").to_owned();
    becomes(&app, &id, DeliveryStatus::Gone).await;
    assert!(!app.store.webhook(&webhook_id).await.unwrap().unwrap().active);
    let mut ticket = echo(&app, json!(2), None).await;
    patiently("the end", ticket.ended()).await;
    // Whatever the second job brings about is settled when a webhook that came later has heard of a third.
    subscribe(&app, "https://hook.example/later", &["job:completed"]).await;
    let third = echo(&app, json!(3), None).await;
    assert_eq!(receiver.next().await.json()["data"]["jobId"], third.job_id.as_str());
    assert_eq!(app.store.deliveries(&webhook_id, None, 10).await.unwrap().len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exhausted_is_parked_and_can_be_sent_again() {
    let mut receiver = Receiver::open(&[Answer::Status(302), Answer::Status(404), Answer::Status(503)]).await;
    let mut config = receiver.config(config(&[]));
    config.jobs.webhook_attempts = 3;
    let app = App::start(config).await.unwrap();
    let (webhook_id, secret) = subscribe(&app, "https://hook.example/", &["job:completed"]).await;
    let _job = echo(&app, json!(1), None).await;
    let id = receiver.next().await.header("webhook-id").to_owned();
    let parked = becomes(&app, &id, DeliveryStatus::Exhausted).await;
    assert_eq!((parked.attempts, parked.response_status), (3, Some(503)));
    assert_eq!(parked.error.as_deref(), Some("the webhook answered 503"));
    let job = app.store.job(&parked.job_id).await.unwrap().unwrap().summary;
    assert_eq!(job.status, JobStatus::Dead);
    assert_eq!(app.queue.resend(&webhook_id, &id).await.unwrap(), Resent::Sent);
    let delivered = becomes(&app, &id, DeliveryStatus::Delivered).await;
    assert_eq!((delivered.attempts, delivered.error), (4, None));
    let mut last = receiver.next().await;
    for _ in 0..2 {
        last = receiver.next().await;
    }
    assert_eq!(last.header("webhook-id"), id);
    Webhook::new(&secret).unwrap().verify(&last.body, &last.headers).unwrap();
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_that_hang_or_never_stop_hold_nothing_up() {
    let mut receiver = Receiver::open(&[Answer::Hang, Answer::Giant]).await;
    let mut config = receiver.config(config(&[]));
    // Long enough for the second one to be cut off for its size on any machine.
    config.jobs.webhook_timeout = Duration::from_secs(3);
    let app = App::start(config).await.unwrap();
    subscribe(&app, "https://hook.example/", &["job:completed"]).await;
    let _job = echo(&app, json!("x".repeat(300 << 10)), None).await;
    let first = receiver.next().await;
    let data = &first.json()["data"];
    assert_eq!((&data["resultOmitted"], data.get("result")), (&json!(true), None));
    let delivered = becomes(&app, first.header("webhook-id"), DeliveryStatus::Delivered).await;
    assert_eq!((delivered.attempts, delivered.response_status), (2, Some(200)));
    assert_eq!((app.http.stats().in_flight, app.http.stats().bytes_in_flight), (0, 0));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_to_the_inside() {
    let receiver = Receiver::open(&[]).await;
    let mut config = receiver.config(config(&[]));
    config.jobs.webhook_attempts = 2;
    let app = App::start(config).await.unwrap();
    for url in
        [&format!("http://127.0.0.1:{}/", receiver.port), "https://10.0.0.1/", "https://[::1]/", "http://hook.example/"]
    {
        assert!(app.queue.check_webhook_url(url).is_err(), "{url}");
    }
    // A name shows where it leads only when it is resolved.
    let url = format!("https://localhost:{}/?token=canary-token", receiver.port);
    let (webhook_id, _) = subscribe(&app, &url, &["job:completed"]).await;
    let id = app.queue.try_webhook(&webhook_id, &UserId::local()).await.unwrap();
    let parked = becomes(&app, &id, DeliveryStatus::Exhausted).await;
    let error = parked.error.unwrap();
    assert!(error.contains("the network guard refuses `localhost`") && !error.contains("canary"), "{error}");
    assert_eq!((parked.attempts, parked.response_status), (2, None));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_delivered_after_a_restart_and_nothing_is_lost_between() {
    let mut receiver = Receiver::open(&[Answer::Hang]).await;
    let (config, _directory) = config_in_file(&[]);
    let mut config = receiver.config(config);
    config.execution.shutdown_grace = Duration::from_millis(1);
    let app = App::start(config.clone()).await.unwrap();
    let (_, secret) = subscribe(&app, "https://hook.example/", &["job:completed"]).await;
    let first = echo(&app, json!(1), None).await;
    let cut_off = receiver.next().await;
    patiently("the stop", app.stop()).await;
    let app = App::start(config).await.unwrap();
    let again = receiver.next().await;
    assert_eq!(again.header("webhook-id"), cut_off.header("webhook-id"));
    assert_eq!(again.json()["data"]["jobId"], first.job_id.as_str());
    let delivered = becomes(&app, again.header("webhook-id"), DeliveryStatus::Delivered).await;
    assert_eq!(delivered.attempts, 1, "what was cut off counts as no attempt");
    let second = echo(&app, json!(2), None).await;
    let next = receiver.next().await;
    assert_eq!(next.json()["data"]["jobId"], second.job_id.as_str());
    Webhook::new(&secret).unwrap().verify(&next.body, &next.headers).unwrap();
    app.stop().await;
}

#[tokio::test]
async fn secrets_stand_in_no_file_and_in_no_output() {
    let mut receiver = Receiver::open(&[Answer::Status(500)]).await;
    let (config, directory) = config_in_file(&[]);
    let app = App::start(receiver.config(config)).await.unwrap();
    let (webhook_id, general) = subscribe(&app, "https://hook.example/", &["job:completed"]).await;
    let own = prepare(&app, "https://hook.example/own", &["*"]);
    let mut shown = format!("{own:?}");
    let mut ticket = echo(&app, json!(1), Some(own)).await;
    let secret = ticket.webhook_secret.clone().unwrap().expose().to_owned();
    patiently("the end", ticket.ended()).await;
    for _ in 0..4 {
        let received = receiver.next().await;
        shown.push_str(&format!("{:?} {}", received.headers, String::from_utf8_lossy(&received.body)));
    }
    shown.push_str(&format!("{ticket:?} {app:?} {:?}", app.store.webhook(&webhook_id).await.unwrap()));
    app.stop().await;
    let files = std::fs::read_dir(directory.path()).unwrap();
    let bytes: Vec<u8> = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    for key in [&general[6..], &secret[6..]] {
        assert!(!shown.contains(key));
        assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()));
    }
    assert!(bytes.len() > 10_000, "the database was looked at");
}
