use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Value, json};

use super::*;
use crate::testing::Host;

/// Fetches `https://a.example/<item>?step=<state>` until the answer is no number.
struct Steps;

#[derive(Default, Serialize, Deserialize)]
struct Totals {
    answers: u32,
}

impl Task for Steps {
    type Item = String;
    type State = u32;
    type Result = Value;
    type Totals = Totals;

    fn request(&self, _: usize, item: &String, state: &u32) -> Result<Request, Failure> {
        if item.is_empty() {
            return Err(Failure::invalid_input("", "it is empty"));
        }
        Ok(Request::get("https://a.example").segment(item).query("step", state))
    }

    fn answer(
        &self,
        _: usize,
        _: &String,
        state: u32,
        response: Response,
        totals: &mut Totals,
    ) -> Result<Step<u32, Value>, Failure> {
        totals.answers += 1;
        if response.status() == 202 {
            return Ok(Step::Wait { state, after_ms: 2_000 });
        }
        let value: Value = response.ok()?.json()?;
        Ok(if value.is_number() { Step::Next(state + 1) } else { Step::Done(value) })
    }
}

fn items(names: &[&str]) -> OneOrMany<String> {
    OneOrMany::Many(names.iter().map(|name| (*name).to_owned()).collect())
}

fn status(status: u16) -> Result<Response, Error> {
    Ok(Response::new(status, Vec::new(), format!("status {status}")))
}

fn body(value: Value) -> Result<Response, Error> {
    Ok(Response::new(200, Vec::new(), value.to_string()))
}

enum Came {
    Done(Value, Value),
    Suspended(u64, String),
}

fn call(host: &Host, items: &OneOrMany<String>, options: &Options, state: Option<&str>) -> Result<Came, Failure> {
    let text = format!(r#"{{"state": {}}}"#, state.unwrap_or("null"));
    let context = Context::from_json(&text).unwrap();
    Ok(match host.within(|| run(&Steps, items, options, &context))? {
        Outcome::Suspend { after_ms, state } => Came::Suspended(after_ms, state.get().to_owned()),
        Outcome::Done { output, metadata } => Came::Done(
            serde_json::from_str(output.get()).unwrap(),
            metadata.map_or(Value::Null, |raw| serde_json::from_str(raw.get()).unwrap()),
        ),
    })
}

fn done(came: Result<Came, Failure>) -> (Value, Value) {
    match came {
        Ok(Came::Done(output, metadata)) => (output, metadata),
        Ok(Came::Suspended(after_ms, _)) => panic!("suspended for {after_ms} ms"),
        Err(failure) => panic!("{failure}"),
    }
}

fn suspended(came: Result<Came, Failure>) -> (u64, String) {
    match came {
        Ok(Came::Suspended(after_ms, state)) => (after_ms, state),
        Ok(Came::Done(output, _)) => panic!("done: {output}"),
        Err(failure) => panic!("{failure}"),
    }
}

#[test]
fn one_item_gives_its_result_and_a_list_gives_a_list_in_order() {
    let host = Host::new().respond(|sent| match sent.query()[0].1.as_str() {
        "2" => body(json!({"url": sent.url})),
        _ => body(json!(1)),
    });
    let (output, metadata) = done(call(&host, &OneOrMany::One("x".into()), &Options::default(), None));
    assert_eq!((output, metadata), (json!({"url": "https://a.example/x?step=2"}), json!({"answers": 3})));
    let (output, metadata) = done(call(&host, &items(&["a", "b", "c"]), &Options::default(), None));
    assert_eq!(output[2]["url"], "https://a.example/c?step=2");
    assert_eq!(metadata, json!({"answers": 9, "items": 3, "failed": 0}));
    assert_eq!(done(call(&host, &items(&[]), &Options::default(), None)).0, json!([]));
}

#[test]
fn no_more_requests_than_allowed_are_sent_at_once() {
    let host = Host::new().respond(|_| body(json!("x")));
    done(call(&host, &items(&["a", "b", "c", "d", "e"]), &Options { concurrency: 2, ..Options::default() }, None));
    assert_eq!(host.sent().iter().map(|sent| sent.together).collect::<Vec<_>>(), [2, 2, 2, 2, 1]);
}

#[test]
fn a_failed_item_stands_in_its_place_or_fails_the_call() {
    let host = Host::new().respond(|sent| if sent.url.contains("/b") { status(422) } else { body(json!("x")) });
    let (output, metadata) = done(call(&host, &items(&["a", "b", "", "c"]), &Options::default(), None));
    assert_eq!((&output[0], &output[3]), (&json!("x"), &json!("x")));
    assert_eq!(output[1]["error"]["code"], "invalid-request");
    assert_eq!(output[2]["error"]["code"], "invalid-input");
    assert_eq!(metadata["failed"], 2);
    let options = Options { on_item_error: OnItemError::Fail, ..Options::default() };
    assert_eq!(call(&host, &items(&["a", "b"]), &options, None).err().unwrap().code(), "invalid-request");
    assert_eq!(call(&host, &items(&["b", "b"]), &Options::default(), None).err().unwrap().code(), "invalid-request");
    assert_eq!(
        call(&host, &OneOrMany::One("b".into()), &Options::default(), None).err().unwrap().code(),
        "invalid-request"
    );
}

#[test]
fn a_failure_that_concerns_all_stops_sending_and_keeps_what_is_done() {
    let left = Rc::new(Cell::new(3));
    let counter = Rc::clone(&left);
    let host = Host::new().respond(move |_| {
        counter.set(counter.get() - 1);
        if counter.get() >= 0 { body(json!("x")) } else { status(402) }
    });
    let options = Options { concurrency: 2, ..Options::default() };
    let (output, metadata) = done(call(&host, &items(&["a", "b", "c", "d", "e", "f"]), &options, None));
    assert_eq!(output[2], "x");
    for index in 3..6 {
        assert_eq!(output[index]["error"]["code"], "quota-exceeded");
    }
    assert_eq!((host.sent().len(), &metadata["failed"]), (4, &json!(3)));
}

#[test]
fn a_wait_keeps_finished_results_and_asks_again_only_for_the_rest() {
    let calls = Rc::new(Cell::new(0));
    let counter = Rc::clone(&calls);
    let host = Host::new().respond(move |sent| {
        if !sent.url.contains("/b") {
            return body(json!("x"));
        }
        counter.set(counter.get() + 1);
        if counter.get() < 3 { status(202) } else { body(json!("late")) }
    });
    let (after_ms, state) = suspended(call(&host, &items(&["a", "b"]), &Options::default(), None));
    assert_eq!(after_ms, 2_000);
    let (_, state) = suspended(call(&host, &items(&["a", "b"]), &Options::default(), Some(&state)));
    let (output, metadata) = done(call(&host, &items(&["a", "b"]), &Options::default(), Some(&state)));
    assert_eq!((output, &metadata["answers"]), (json!(["x", "late"]), &json!(4)));
    assert_eq!(host.sent().len(), 4);
}

#[test]
fn a_rate_limit_after_some_results_suspends_for_the_hinted_time_and_gives_up_after_three_tries() {
    let host = Host::new().respond(|sent| {
        if sent.url.contains("/b") {
            return Ok(Response::new(429, vec![("Retry-After".into(), "7".into())], ""));
        }
        body(json!("x"))
    });
    let list = items(&["a", "b"]);
    let (after_ms, state) = suspended(call(&host, &list, &Options::default(), None));
    assert_eq!(after_ms, 7_000);
    let (_, state) = suspended(call(&host, &list, &Options::default(), Some(&state)));
    let (output, _) = done(call(&host, &list, &Options::default(), Some(&state)));
    assert_eq!(output[1]["error"]["code"], "rate-limited");
}

#[test]
fn a_rate_limit_before_any_result_is_the_calls_failure() {
    let host = Host::new().respond(|_| Ok(Response::new(429, vec![("Retry-After".into(), "7".into())], "")));
    for list in [items(&["a", "b"]), OneOrMany::One("a".into())] {
        let failure = call(&host, &list, &Options::default(), None).err().unwrap();
        assert_eq!((failure.code(), failure.retry_hint().unwrap().after_ms), ("rate-limited", Some(7_000)));
    }
    let host = Host::new().respond(|_| Err(Error::Timeout));
    assert!(call(&host, &items(&["a"]), &Options::default(), None).err().unwrap().is_retryable());
}

#[test]
fn a_state_of_another_list_is_no_panic() {
    let host = Host::new();
    for state in [r#"{"entries": [], "totals": {"answers": 0}, "stalls": 0}"#, "7", r#"{"entries": [1]}"#] {
        assert_eq!(call(&host, &items(&["a"]), &Options::default(), Some(state)).err().unwrap().code(), "internal");
    }
}

#[test]
fn one_or_many_is_read_by_its_first_token_and_errors_point_into_it() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Lead {
        email: String,
    }
    let read = |text: &str| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize::<_, OneOrMany<Lead>>(&mut deserializer)
    };
    assert_eq!(read(r#"{"email": "a"}"#).unwrap(), OneOrMany::One(Lead { email: "a".into() }));
    assert_eq!(read(r#"[{"email": "a"}]"#).unwrap(), OneOrMany::Many(vec![Lead { email: "a".into() }]));
    assert_eq!(read(r#"[{"email": "a"}, {"email": 1}]"#).unwrap_err().path().to_string(), "[1].email");
    assert_eq!(read(r#"{"email": 1}"#).unwrap_err().path().to_string(), "email");
    assert!(read("7").is_err());
    assert_eq!(serde_json::from_str::<OneOrMany<String>>(r#""a\n""#).unwrap(), OneOrMany::One("a\n".into()));
    assert!(matches!(serde_json::from_str::<OneOrMany<Option<u8>>>("null").unwrap(), OneOrMany::One(None)));
}
