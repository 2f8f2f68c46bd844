//! Output ports: how a block declares and fires them.

use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::outcome::Emissions;
use crate::{Failure, IntoJson, schema};

/// The port of a block that has only one.
pub const DEFAULT_PORT: &str = "output";

/// What a block may return: it lists its ports for the manifest, and fires them.
///
/// A type that is `Serialize` and `JsonSchema` is one port named `output`, with nothing to do. Several ports are
/// declared with [`ports!`](crate::ports!). Ports that come from the configuration are written by hand:
///
/// ```
/// use blockyard_sdk::{Emissions, Failure, Outputs, Ports, RawJson};
///
/// struct Routed {
///     port: String,
///     data: RawJson,
/// }
///
/// impl Ports for Routed {
///     fn outputs() -> Outputs {
///         Outputs::from_config("/branches/*/port").also::<RawJson>("default", "No branch matched.")
///     }
///
///     fn emit(self, emissions: &mut Emissions) -> Result<(), Failure> {
///         emissions.emit(self.port, self.data)
///     }
/// }
/// ```
pub trait Ports {
    /// The ports, for the manifest.
    fn outputs() -> Outputs;

    /// Fires the ports that have data.
    ///
    /// # Errors
    /// As [`Emissions::emit`].
    fn emit(self, emissions: &mut Emissions) -> Result<(), Failure>;
}

impl<T: IntoJson + JsonSchema> Ports for T {
    fn outputs() -> Outputs {
        let schema = schema::output::<T>();
        let description = schema.get("description").and_then(Value::as_str).unwrap_or("The result.").to_owned();
        Outputs { from_config: None, ports: vec![port(DEFAULT_PORT, &description, &schema)] }
    }

    fn emit(self, emissions: &mut Emissions) -> Result<(), Failure> {
        emissions.emit(DEFAULT_PORT, self)
    }
}

/// The manifest's `outputs`.
#[derive(Debug, Clone)]
pub struct Outputs {
    from_config: Option<String>,
    ports: Vec<Value>,
}

impl Outputs {
    /// A fixed list; add ports with [`also`](Self::also). The first is the default port.
    pub fn fixed() -> Self {
        Self { from_config: None, ports: Vec::new() }
    }

    /// Names are read from the node's configuration: a JSON pointer in which `*` stands for every element of a
    /// list or every value of an object.
    pub fn from_config(pointer: impl Into<String>) -> Self {
        Self { from_config: Some(pointer.into()), ports: Vec::new() }
    }

    /// Adds a port that is always there, carrying data of type `T`.
    #[must_use]
    pub fn also<T: JsonSchema>(mut self, name: &str, description: &str) -> Self {
        self.ports.push(port(name, description, &schema::output::<T>()));
        self
    }

    pub(crate) fn into_json(self) -> Value {
        let Some(pointer) = self.from_config else { return Value::Array(self.ports) };
        let mut object = Map::new();
        object.insert("portsFrom".to_owned(), pointer.into());
        if !self.ports.is_empty() {
            object.insert("also".to_owned(), Value::Array(self.ports));
        }
        Value::Object(object)
    }
}

fn port(name: &str, description: &str, schema: &Schema) -> Value {
    json!({ "port": name, "description": description.trim(), "schema": schema })
}

/// Declares a struct with one field for each output port; a field that is `None` stays silent.
///
/// The doc comments become the ports' descriptions. A port is named like its field, or as said with `as`.
///
/// ```
/// blockyard_sdk::ports! {
///     /// What came of the search.
///     pub struct Found {
///         /// Leads with an address.
///         hits: Vec<String>,
///         /// Leads without one.
///         not_found as "not-found": Vec<String>,
///     }
/// }
///
/// let found = Found { hits: Some(vec!["ada@example.com".into()]), ..Found::default() };
/// assert!(found.not_found.is_none());
/// ```
#[macro_export]
macro_rules! ports {
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
    (
        $(#[$meta:meta])*
        $vis:vis struct $type:ident {
            $( $(#[doc = $doc:literal])* $field:ident $(as $name:literal)? : $data:ty ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        $vis struct $type {
            $( $(#[doc = $doc])* pub $field: ::std::option::Option<$data>, )+
        }

        impl $crate::Ports for $type {
            fn outputs() -> $crate::Outputs {
                $crate::Outputs::fixed()
                    $( .also::<$data>($crate::ports!(@name $field $($name)?), concat!("", $($doc),*)) )+
            }

            fn emit(self, emissions: &mut $crate::Emissions) -> ::std::result::Result<(), $crate::Failure> {
                $(
                    if let ::std::option::Option::Some(data) = self.$field {
                        emissions.emit($crate::ports!(@name $field $($name)?), data)?;
                    }
                )+
                ::std::result::Result::Ok(())
            }
        }
    };
}
