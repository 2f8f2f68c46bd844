//! One call, from the host's three texts to the block's types and back.

use crate::{Block, Context, Emissions, Failure, FromJson, Outcome, Ports, codes};

/// Decodes, runs the block and encodes what it returned.
pub(crate) fn call<B: Block>(config: String, input: String, context: &str) -> Result<Outcome<Emissions>, Failure> {
    let context = Context::from_json(context)?;
    let config = B::Config::from_json(config)
        .map_err(|misfit| Failure::located(codes::INVALID_CONFIG, "config", misfit.pointer, misfit.message))?;
    let input = B::Input::from_json(input)
        .map_err(|misfit| Failure::located(codes::INVALID_INPUT, "input", misfit.pointer, misfit.message))?;
    match B::execute(config, input, &context)? {
        Outcome::Suspend { after_ms, state } => Ok(Outcome::Suspend { after_ms, state }),
        Outcome::Done { output, metadata } => {
            let mut emissions = Emissions::new();
            output.emit(&mut emissions)?;
            Ok(Outcome::Done { output: emissions, metadata })
        }
    }
}
