//! A client of server-sent events that comes back after it was cut off, with `Last-Event-ID`.

use std::time::Duration;

use serde_json::Value;

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Its position.
    pub(crate) id: i64,
    /// Its name.
    pub(crate) name: String,
    /// Its data.
    pub(crate) data: Value,
}

/// Follows a stream, from connection to connection.
#[derive(Debug)]
pub(crate) struct Follower {
    http: reqwest::Client,
    url: String,
    last: Option<i64>,
    answer: Option<reqwest::Response>,
    text: String,
}

impl Follower {
    pub(crate) fn new(url: String) -> Self {
        Self { http: reqwest::Client::new(), url, last: None, answer: None, text: String::new() }
    }

    /// Go on at another address after the last event seen.
    pub(crate) fn go_on_at(&mut self, url: String) {
        self.url = url;
        self.cut();
    }

    /// Drop the connection, and with it what has come of the next event.
    pub(crate) fn cut(&mut self) {
        self.answer = None;
        self.text.clear();
    }

    /// The next event, over as many connections as it takes. May be dropped while it waits without losing one.
    pub(crate) async fn next(&mut self) -> Sent {
        loop {
            while let Some((message, rest)) = self.text.split_once("\n\n") {
                let sent = parse(message);
                self.text = rest.to_owned();
                if let Some(sent) = sent {
                    self.last = Some(sent.id);
                    return sent;
                }
            }
            if self.answer.is_none() {
                let mut request = self.http.get(&self.url);
                if let Some(last) = self.last {
                    request = request.header("last-event-id", last);
                }
                match request.send().await {
                    Ok(answer) => {
                        assert_eq!(answer.status().as_u16(), 200, "{}", self.url);
                        self.answer = Some(answer);
                    }
                    // The server is away for the moment; there is nothing to be told when it is back.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
                continue;
            }
            let Some(answer) = &mut self.answer else { continue };
            match answer.chunk().await {
                Ok(Some(chunk)) => self.text.push_str(std::str::from_utf8(&chunk).expect("events are text")),
                Ok(None) | Err(_) => self.cut(),
            }
        }
    }
}

/// `None` for comments.
fn parse(message: &str) -> Option<Sent> {
    let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Some(Sent {
        id: field("id")?.parse().expect("an id is a position"),
        name: field("event")?.to_owned(),
        data: serde_json::from_str(field("data")?).expect("data is JSON"),
    })
}
