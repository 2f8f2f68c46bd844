//! Connects to its own host's address, which imports sockets.

use blockyard_guests::{Behaviour, Guest, text};
use blockyard_sdk::{Context, Failure, Outcome, export_block};
use serde_json::Value;

struct OpensSockets;

impl Behaviour for OpensSockets {
    const TYPE: &'static str = "test.opens-sockets";

    fn act(config: &Value, _: Value, _: &Context) -> Result<Outcome<Value>, Failure> {
        let stream = std::net::TcpStream::connect(text(config, "address"));
        let stream = stream.map_err(|error| Failure::new("io", error.to_string()))?;
        Ok(Outcome::done(Value::String(format!("{stream:?}"))))
    }
}

export_block!(Guest<OpensSockets>);
