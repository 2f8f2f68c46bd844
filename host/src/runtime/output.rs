//! What a guest answered, checked before anyone sees it.

use super::failure::{CallFailure, HOST_CODES, RetryHint, code, too_large};
use super::invoke::Finished;
use crate::capabilities::bindings::exports::blockyard::block::block::{Failure, Outcome, Output, Suspension};
use crate::capabilities::secrets::Scrubber;
use crate::domain::{CallError, Json, Outputs};

/// Longest code of a block, in bytes.
const CODE_BYTES: usize = 100;
/// Longest message of a block, in bytes.
const MESSAGE_BYTES: usize = 4 << 10;

/// Check what `execute` answered.
pub(super) fn check(
    answer: Result<Outcome, Failure>,
    ports: &[String],
    limit_bytes: usize,
) -> Result<Finished, CallFailure> {
    match answer {
        Ok(Outcome::Done(output)) => done(output, ports, limit_bytes),
        Ok(Outcome::Suspend(suspension)) => suspended(suspension, limit_bytes),
        Err(failure) => Err(failed(failure)),
    }
}

/// The answer without the secrets that the call took.
pub(super) fn scrubbed(mut answer: Result<Outcome, Failure>, scrubber: Option<&Scrubber>) -> Result<Outcome, Failure> {
    let Some(scrubber) = scrubber else { return answer };
    match &mut answer {
        Ok(Outcome::Done(output)) => {
            for emission in &mut output.emissions {
                scrubber.text(&mut emission.port);
                scrubber.json(&mut emission.data);
            }
            if let Some(metadata) = &mut output.metadata {
                scrubber.json(metadata);
            }
        }
        Ok(Outcome::Suspend(suspension)) => scrubber.json(&mut suspension.state),
        Err(failure) => {
            scrubber.text(&mut failure.code);
            scrubber.text(&mut failure.message);
            if let Some(details) = &mut failure.details {
                scrubber.json(details);
            }
        }
    }
    answer
}

/// What the sandbox says of a failure, which may repeat what the guest wrote.
pub(super) fn scrubbed_failure(mut failure: CallFailure, scrubber: Option<&Scrubber>) -> CallFailure {
    if let Some(scrubber) = scrubber {
        scrubber.text(&mut failure.error.message);
    }
    failure
}

fn invalid(message: String) -> CallFailure {
    CallFailure::permanent(code::INVALID_OUTPUT, message)
}

fn done(output: Output, ports: &[String], limit_bytes: usize) -> Result<Finished, CallFailure> {
    let size: usize = output.emissions.iter().map(|emission| emission.data.len()).sum();
    if size + output.metadata.as_ref().map_or(0, String::len) > limit_bytes {
        return Err(too_large(limit_bytes));
    }
    let mut outputs = Outputs(Vec::with_capacity(output.emissions.len()));
    for emission in output.emissions {
        let port = shortened(&emission.port);
        if !ports.contains(&emission.port) {
            return Err(invalid(format!("fired port `{port}`, which it does not declare")));
        }
        if outputs.get(&emission.port).is_some() {
            return Err(invalid(format!("fired port `{port}` twice")));
        }
        let data = Json::parse(emission.data).map_err(|error| invalid(format!("port `{port}`: {error}")))?;
        outputs.0.push((emission.port, data));
    }
    let metadata = match output.metadata {
        None => Json::null(),
        Some(text) => Json::parse(text).map_err(|error| invalid(format!("metadata: {error}")))?,
    };
    if !metadata.is_null() && !metadata.as_str().trim_start().starts_with('{') {
        return Err(invalid("metadata is no JSON object".to_owned()));
    }
    Ok(Finished::Done { outputs, metadata })
}

fn suspended(suspension: Suspension, limit_bytes: usize) -> Result<Finished, CallFailure> {
    if suspension.state.len() > limit_bytes {
        return Err(too_large(limit_bytes));
    }
    let state = Json::parse(suspension.state).map_err(|error| invalid(format!("suspension state: {error}")))?;
    Ok(Finished::Suspended { after_ms: suspension.after_ms, state })
}

fn failed(failure: Failure) -> CallFailure {
    let mut code = failure.code;
    code.truncate(code.floor_char_boundary(CODE_BYTES));
    if code.is_empty() {
        code.push_str("unknown");
    }
    if HOST_CODES.contains(&code.as_str()) {
        code.insert_str(0, "block/");
    }
    let mut message = failure.message;
    message.truncate(message.floor_char_boundary(MESSAGE_BYTES));
    let details = failure.details.and_then(|text| Json::parse(text).ok()).unwrap_or_else(Json::null);
    CallFailure {
        error: CallError { code, message, details },
        retry: failure.retry.map(|hint| RetryHint { after_ms: hint.after_ms }),
    }
}

fn shortened(port: &str) -> &str {
    &port[..port.floor_char_boundary(CODE_BYTES)]
}
