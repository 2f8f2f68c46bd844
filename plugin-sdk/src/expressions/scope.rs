//! The names that an expression sees.

use std::borrow::Cow;
use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

/// A few names with their values. Looking them up is a walk over a short list.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    names: Vec<(Cow<'static, str>, Value)>,
}

impl Scope {
    /// No names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name, hiding an earlier one of the same text.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: Value) -> Self {
        self.names.insert(0, (name.into(), value));
        self
    }

    /// For evaluation.
    pub fn into_value(self) -> Value {
        Value::from_object(self)
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.names.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.names.iter().map(|(name, _)| Value::from(name.as_ref())).collect())
    }
}
