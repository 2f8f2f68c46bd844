//! What stands in for the host while a native test runs.

use std::cell::RefCell;
use std::rc::Rc;

use blockyard_replay::{Exchange, Replay};
use serde_json::{Value, json};

use super::{Ended, run};
use crate::http::{Error, Placement, Request, Response};
use crate::{Block, Failure, secrets};

thread_local! {
    static STAGE: RefCell<Option<Rc<Stage>>> = const { RefCell::new(None) };
}

/// A stand-in for the host's network and secrets, in plain `cargo test`.
///
/// Requests are answered from exchanges, as in the host's mode `test`, or by a function. What was sent can be looked
/// at afterwards.
///
/// ```
/// use blockyard_sdk::http::{Request, Response};
/// use blockyard_sdk::testing::Host;
///
/// let host = Host::new().respond(|sent| Ok(Response::new(200, Vec::new(), sent.url.clone())));
/// let answer = host.within(|| Request::get("https://a.example/").query("q", "ä").send());
/// assert_eq!(answer.unwrap().text(), "https://a.example/?q=%C3%A4");
/// assert_eq!(host.sent().len(), 1);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Host {
    stage: Rc<Stage>,
}

type Respond = Box<dyn Fn(&Sent) -> Result<Response, Error>>;

#[derive(Default)]
struct Stage {
    exchanges: RefCell<Vec<Exchange>>,
    replay: RefCell<Option<Replay>>,
    respond: RefCell<Option<Respond>>,
    secrets: RefCell<Vec<String>>,
    unset: RefCell<Vec<String>>,
    sent: RefCell<Vec<Sent>>,
}

/// A request that the block sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Absolute, without credentials.
    pub url: String,
    /// In the order of the block.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Option<Vec<u8>>,
    /// How long the block would wait.
    pub timeout_ms: Option<u32>,
    /// Names of secrets, and where they would go.
    pub credentials: Vec<(String, Placement)>,
    /// How many requests went out together with this one, itself included.
    pub together: usize,
}

impl Sent {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        self.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default()
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The query parameters, decoded, in their order.
    pub fn query(&self) -> Vec<(String, String)> {
        blockyard_replay::query_pairs(&self.url)
    }
}

impl Host {
    /// No exchanges, no secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers `request` (`{method, url, body?}`) with `response` (`{status, headers?, body? | bodyBase64?}`).
    ///
    /// # Panics
    /// If they are not of that shape.
    #[must_use]
    pub fn exchange(self, request: Value, response: Value) -> Self {
        self.exchanges(&json!([{"request": request, "response": response}]))
    }

    /// Answers from a list of `{request, response}`.
    ///
    /// # Panics
    /// If it is not of that shape.
    #[must_use]
    pub fn exchanges(self, list: &Value) -> Self {
        match serde_json::from_value::<Vec<Exchange>>(list.clone()) {
            Ok(exchanges) => self.stage.exchanges.borrow_mut().extend(exchanges),
            Err(error) => panic!("these are no exchanges: {error}\n{list:#}"),
        }
        match Replay::strict(self.stage.exchanges.borrow().clone()) {
            Ok(replay) => *self.stage.replay.borrow_mut() = Some(replay),
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// Answers by a function what no exchange answers.
    #[must_use]
    pub fn respond(self, respond: impl Fn(&Sent) -> Result<Response, Error> + 'static) -> Self {
        *self.stage.respond.borrow_mut() = Some(Box::new(respond));
        self
    }

    /// Grants a secret that has a value.
    #[must_use]
    pub fn secret(self, name: &str) -> Self {
        self.stage.secrets.borrow_mut().push(name.to_owned());
        self
    }

    /// Grants a secret that has none.
    #[must_use]
    pub fn unset_secret(self, name: &str) -> Self {
        self.stage.unset.borrow_mut().push(name.to_owned());
        self
    }

    /// Runs a function with this host.
    pub fn within<T>(&self, run: impl FnOnce() -> T) -> T {
        struct Restore(Option<Rc<Stage>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                STAGE.set(self.0.take());
            }
        }
        let _restore = Restore(STAGE.replace(Some(Rc::clone(&self.stage))));
        run()
    }

    /// Calls a block with this host.
    ///
    /// # Errors
    /// As [`run`].
    pub fn run<B: Block>(&self, config: &Value, input: &Value, context: &Value) -> Result<Ended, Failure> {
        self.within(|| run::<B>(config, input, context))
    }

    /// Calls a block with this host, and again with its state for as long as it suspends.
    ///
    /// # Errors
    /// As [`run`].
    ///
    /// # Panics
    /// If it still suspends after a thousand calls.
    pub fn run_to_end<B: Block>(&self, config: &Value, input: &Value, context: &Value) -> Result<Ended, Failure> {
        let mut context = context.clone();
        for _ in 0..1000 {
            match self.run::<B>(config, input, &context)? {
                Ended::Suspended { state, .. } => context["state"] = state,
                done @ Ended::Done { .. } => return Ok(done),
            }
        }
        panic!("the block suspends without end")
    }

    /// What was sent so far.
    pub fn sent(&self) -> Vec<Sent> {
        self.stage.sent.borrow().clone()
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("sent", &self.sent.borrow().len()).finish_non_exhaustive()
    }
}

fn stage() -> Option<Rc<Stage>> {
    STAGE.with_borrow(Clone::clone)
}

pub(crate) fn secret(name: &str) -> Result<(), secrets::Error> {
    let stage = stage();
    let holds = |list: fn(&Stage) -> &RefCell<Vec<String>>| {
        stage.as_ref().is_some_and(|stage| list(stage).borrow().iter().any(|known| known == name))
    };
    if holds(|stage| &stage.secrets) {
        Ok(())
    } else if holds(|stage| &stage.unset) {
        Err(secrets::Error::NotSet(format!("the secret `{name}` has no value")))
    } else {
        Err(secrets::Error::NotGranted(format!("the secret `{name}` is not granted; see testing::Host::secret")))
    }
}

pub(crate) fn reveal(name: &str) -> Result<String, secrets::Error> {
    secret(name).map(|()| format!("text of {name}"))
}

pub(crate) fn send(request: Request) -> Result<Response, Error> {
    send_all(vec![request]).pop().unwrap_or_else(|| Err(Error::Other("there was no request".to_owned())))
}

pub(crate) fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
    let together = requests.len();
    let stage = stage();
    let answer = |request: Request| {
        let Some(stage) = &stage else {
            return Err(Error::Denied("there is no host in this thread; see testing::Host".to_owned()));
        };
        stage.answer(Sent {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            timeout_ms: request.timeout_ms,
            credentials: request
                .credentials
                .iter()
                .map(|(secret, at)| (secret.name().to_owned(), at.clone()))
                .collect(),
            together,
        })
    };
    requests.into_iter().map(answer).collect()
}

impl Stage {
    fn answer(&self, sent: Sent) -> Result<Response, Error> {
        self.sent.borrow_mut().push(sent.clone());
        let mut replay = self.replay.borrow_mut();
        let recorded = replay.as_mut().and_then(|replay| replay.answer(&sent.method, &sent.url, sent.body.as_deref()));
        if let Some(recorded) = recorded {
            let headers = recorded.headers.clone().into_iter().collect();
            let body = recorded.bytes().map_err(Error::Other)?;
            return Ok(Response::new(recorded.status, headers, body));
        }
        match &*self.respond.borrow() {
            Some(respond) => respond(&sent),
            None => {
                let body = sent.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                Err(Error::NotRecorded(format!("no exchange answers {} {} {body}", sent.method, sent.url)))
            }
        }
    }
}
