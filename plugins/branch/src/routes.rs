//! Which branches match.

use std::cell::OnceCell;
use std::collections::HashSet;

use blockyard_sdk::conditions::{Conditions, Found};
use blockyard_sdk::expressions::{Expression, LazyEngine, Scope, Value, document};
use blockyard_sdk::scan::{ScanError, Scanner};
use blockyard_sdk::{Context, Failure};

use crate::{Config, Mode};

/// The branches, ready to be asked.
pub(crate) struct Routes<'e, 's> {
    /// Every branch's conditions, so that one pass over the input finds all fields.
    conditions: Conditions,
    rules: Vec<Rule<'e, 's>>,
}

enum Rule<'e, 's> {
    /// The number of the group among the conditions.
    Conditions(usize),
    When(Expression<'e, 's>),
}

/// The input, read as far as somebody asked.
struct Input<'a> {
    text: &'a str,
    variables: &'a str,
    found: OnceCell<Found<'a>>,
    scope: OnceCell<Value>,
}

impl<'e, 's> Routes<'e, 's> {
    pub(crate) fn new(config: &'s Config, engine: &'e LazyEngine<'s>) -> Result<Self, Failure> {
        check_ports(config)?;
        let mut conditions = Conditions::new();
        let mut rules = Vec::with_capacity(config.branches.len());
        for (index, branch) in config.branches.iter().enumerate() {
            let pointer = format!("/branches/{index}");
            rules.push(match (&branch.conditions, &branch.when) {
                (Some(wanted), None) => {
                    Rule::Conditions(conditions.add(wanted, branch.matching, &format!("{pointer}/conditions"))?)
                }
                (None, Some(source)) => Rule::When(
                    engine
                        .get()
                        .compile(source)
                        .map_err(|error| error.into_failure(&format!("{pointer}/when"), None))?,
                ),
                _ => {
                    let message = "a branch needs either `when` or `conditions`, and not both";
                    return Err(Failure::invalid_config(pointer, message));
                }
            });
        }
        Ok(Self { conditions, rules })
    }

    /// The ports of the branches that match, as many as the mode wants.
    pub(crate) fn taken(&self, config: &Config, text: &str, context: &Context) -> Result<Vec<String>, Failure> {
        let input = Input { text, variables: context.variables_json(), found: OnceCell::new(), scope: OnceCell::new() };
        let mut ports = Vec::new();
        for (index, (rule, branch)) in self.rules.iter().zip(&config.branches).enumerate() {
            let matches = match rule {
                Rule::Conditions(group) => self.conditions.group_holds(*group, input.found(&self.conditions)?),
                Rule::When(expression) => expression
                    .eval_bool(input.scope()?)
                    .map_err(|error| error.into_failure(&format!("/branches/{index}/when"), None))?,
            };
            if matches {
                ports.push(branch.port.clone());
                if config.mode == Mode::First {
                    break;
                }
            }
        }
        Ok(ports)
    }
}

impl<'a> Input<'a> {
    fn found(&self, conditions: &Conditions) -> Result<&Found<'a>, Failure> {
        if let Some(found) = self.found.get() {
            return Ok(found);
        }
        let mut scanner = Scanner::new(self.text);
        let found = conditions.find(&mut scanner).map_err(not_json)?;
        scanner.end().map_err(not_json)?;
        Ok(self.found.get_or_init(|| found))
    }

    fn scope(&self) -> Result<&Value, Failure> {
        if let Some(scope) = self.scope.get() {
            return Ok(scope);
        }
        let scope = Scope::new()
            .with("variables", document(self.variables.to_owned()).map_err(not_json)?)
            .with("input", document(self.text.to_owned()).map_err(not_json)?);
        Ok(self.scope.get_or_init(|| scope.into_value()))
    }
}

fn check_ports(config: &Config) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    for (index, branch) in config.branches.iter().enumerate() {
        let port = branch.port.as_str();
        let well_formed = (1..=64).contains(&port.len())
            && port.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let message = if !well_formed {
            "a port is named with letters, digits, `_` and `-`, up to 64"
        } else if matches!(port, crate::DEFAULT | "error") {
            "this port has a meaning of its own"
        } else if !seen.insert(port) {
            "another branch has this port"
        } else {
            continue;
        };
        return Err(Failure::invalid_config(format!("/branches/{index}/port"), message));
    }
    Ok(())
}

fn not_json(error: ScanError) -> Failure {
    Failure::invalid_input("", error)
}
