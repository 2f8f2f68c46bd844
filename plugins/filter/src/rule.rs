//! Judging one item.

use blockyard_sdk::conditions::Conditions;
use blockyard_sdk::expressions::{Expression, LazyEngine, Scope, Value, document};
use blockyard_sdk::scan::{ScanError, Scanner};
use blockyard_sdk::{Context, Failure};

use crate::Config;

pub(crate) enum Rule<'e, 's> {
    Conditions(Conditions),
    Where { expression: Expression<'e, 's>, variables: Value },
}

impl<'e, 's> Rule<'e, 's> {
    pub(crate) fn new(config: &'s Config, engine: &'e LazyEngine<'s>, context: &Context) -> Result<Self, Failure> {
        match (&config.conditions, &config.condition) {
            (Some(conditions), None) => {
                Conditions::compile(conditions, config.matching, "/conditions").map(Self::Conditions)
            }
            (None, Some(source)) => Ok(Self::Where {
                expression: engine.get().compile(source).map_err(|error| error.into_failure("/where", None))?,
                variables: document(context.variables_json().to_owned()).map_err(not_json)?,
            }),
            _ => Err(Failure::invalid_config("", "it needs either `conditions` or `where`, and not both")),
        }
    }

    /// Passes over the item that stands next and gives its text, and whether it is to be kept.
    pub(crate) fn next<'a>(&self, scanner: &mut Scanner<'a>, index: Option<usize>) -> Result<(&'a str, bool), Failure> {
        match self {
            Self::Conditions(conditions) => {
                let found = conditions.find(scanner).map_err(not_json)?;
                Ok((found.text(), conditions.group_holds(0, &found)))
            }
            Self::Where { expression, variables } => {
                let text = scanner.skip().map_err(not_json)?;
                let scope = Scope::new()
                    .with("variables", variables.clone())
                    .with("index", Value::from(index.unwrap_or(0)))
                    .with("item", document(text.to_owned()).map_err(not_json)?);
                let keep =
                    expression.eval_bool(&scope.into_value()).map_err(|error| error.into_failure("/where", index))?;
                Ok((text, keep))
            }
        }
    }
}

pub(crate) fn not_json(error: ScanError) -> Failure {
    Failure::invalid_input("", error)
}
