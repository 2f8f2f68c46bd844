//! JSON Schemas from Rust types.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

/// How a type is read: configs and inputs.
pub(crate) fn input<T: JsonSchema>() -> Schema {
    root::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// How a type is written: outputs.
pub(crate) fn output<T: JsonSchema>() -> Schema {
    root::<T>(SchemaSettings::draft2020_12().for_serialize())
}

/// Parts are written in place, as forms like them; only recursive types keep `$defs`. The Rust type's name is no
/// title for a person.
fn root<T: JsonSchema>(settings: SchemaSettings) -> Schema {
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema
}
