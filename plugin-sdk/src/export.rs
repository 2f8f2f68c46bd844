//! The component's side of the WIT world. Used through [`export_block!`](crate::export_block!) only.

use std::marker::PhantomData;

use crate::bindings::exports::blockyard::block::block as wit;
use crate::{Block, Emissions, Failure, Outcome, call, manifest};

/// Makes a component's exports of a [`Block`].
#[derive(Debug)]
pub struct Component<B>(PhantomData<B>);

impl<B: Block> wit::Guest for Component<B> {
    fn manifest() -> String {
        manifest::manifest_json::<B>().to_string()
    }

    fn execute(config: String, input: String, context: String) -> Result<wit::Outcome, wit::Failure> {
        #[cfg(all(target_arch = "wasm32", feature = "bump-allocator"))]
        crate::alloc::begin_call([&config, &input, &context]);
        match call::call::<B>(config, input, &context) {
            Ok(outcome) => Ok(outcome.into()),
            Err(failure) => Err(failure.into()),
        }
    }
}

impl From<Outcome<Emissions>> for wit::Outcome {
    fn from(outcome: Outcome<Emissions>) -> Self {
        match outcome {
            Outcome::Done { output, metadata } => Self::Done(wit::Output {
                emissions: output.into_pairs().into_iter().map(|(port, data)| wit::Emission { port, data }).collect(),
                metadata: metadata.map(|raw| Box::<str>::from(raw).into_string()),
            }),
            Outcome::Suspend { after_ms, state } => {
                Self::Suspend(wit::Suspension { after_ms, state: Box::<str>::from(state).into_string() })
            }
        }
    }
}

impl From<Failure> for wit::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code().to_owned(),
            message: failure.message().to_owned(),
            retry: failure.retry_hint().map(|retry| wit::RetryHint { after_ms: retry.after_ms }),
            details: failure.details().and_then(|details| serde_json::to_string(details).ok()),
        }
    }
}

/// Exports a [`Block`] as the component of its crate. Write it once, at the crate's root.
///
/// The crate is a `cdylib`, built for `wasm32-wasip2`. On other targets the macro only checks that the type is a
/// block, so that the crate can be tested natively.
#[macro_export]
macro_rules! export_block {
    ($block:ty) => {
        const _: () = {
            #[cfg(target_arch = "wasm32")]
            type BlockyardComponent = $crate::__private::Component<$block>;
            #[cfg(target_arch = "wasm32")]
    $crate::__private::export_component!(BlockyardComponent with_types_in $crate::__private::bindings);
            #[cfg(not(target_arch = "wasm32"))]
            const fn is_a_block<B: $crate::Block>() {}
            #[cfg(not(target_arch = "wasm32"))]
            is_a_block::<$block>();
        };
    };
}
