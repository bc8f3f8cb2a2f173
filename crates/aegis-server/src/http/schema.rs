//! The rules of a request type, taken from its one declaration.
//!
//! A type's `utoipa` schema is what `/openapi.json` shows; here the same schema is compiled into the check
//! every request of that type goes through. So description and behaviour cannot drift apart, and all
//! violations are known at once, which a `serde` reader cannot do.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::problem::{Problem, Violation};
use super::violations;

/// Violations reported for one request; the rest is only said to exist. A body of a megabyte can break
/// rules a hundred thousand times, and nobody reads that.
pub const VIOLATIONS_MAX: usize = 100;

/// The compiled schema of one request type.
pub struct Rules {
    validator: Validator,
    document: Value,
}

/// Compiled once per type and kept for the life of the process: the set of request types is fixed.
static COMPILED: LazyLock<RwLock<HashMap<TypeId, Arc<Rules>>>> = LazyLock::new(RwLock::default);

impl Rules {
    /// The rules of `T`, compiled at first use.
    ///
    /// # Errors
    /// An internal problem if `T`'s schema is no valid JSON Schema; a test over the OpenAPI document finds
    /// such types before they ship.
    pub fn of<T: ToSchema + 'static>() -> Result<Arc<Rules>, Problem> {
        let key = TypeId::of::<T>();
        if let Some(rules) = COMPILED.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(rules.clone());
        }
        let rules = Arc::new(Rules::compile(document_of::<T>()).map_err(|reason| {
            tracing::error!(schema = %T::name(), %reason, "schema of a request type does not compile");
            Problem::internal()
        })?);
        let mut compiled = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
        Ok(compiled.entry(key).or_insert(rules).clone())
    }

    /// Compiles a self-contained schema (references only within it).
    ///
    /// # Errors
    /// What is wrong with the schema.
    pub fn compile(document: Value) -> Result<Rules, String> {
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .build(&document)
            .map_err(|error| error.to_string())?;
        Ok(Rules { validator, document })
    }

    /// Every rule `value` breaks, in a stable order; empty if it is valid.
    pub fn check(&self, value: &Value) -> Vec<Violation> {
        // The usual answer first: deciding "valid" is several times cheaper than collecting reasons.
        if self.validator.is_valid(value) {
            return Vec::new();
        }
        let mut found: Vec<Violation> = Vec::new();
        for error in self.validator.iter_errors(value) {
            if found.len() >= VIOLATIONS_MAX {
                break;
            }
            violations::describe(&self.document, &error, &mut found);
        }
        found.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        found.dedup();
        if found.len() >= VIOLATIONS_MAX {
            found.truncate(VIOLATIONS_MAX);
            found.push(Violation::new("", "count", "There are more violations than are listed here."));
        }
        found
    }

    /// The schema itself, references within it resolvable.
    pub fn document(&self) -> &Value {
        &self.document
    }
}

/// `T`'s schema with every component it refers to, in one JSON document.
pub fn document_of<T: ToSchema>() -> Value {
    let mut components = Vec::new();
    T::schemas(&mut components);
    let schemas: Map<String, Value> =
        components.into_iter().map(|(name, schema)| (name, to_value(&schema))).collect();
    let mut document = to_value(&T::schema());
    if let Value::Object(root) = &mut document {
        root.insert(
            "components".to_owned(),
            Value::Object(Map::from_iter([("schemas".to_owned(), schemas.into())])),
        );
    }
    document
}

/// Schemas are strings, numbers and objects, so they always serialise.
fn to_value<S: serde::Serialize>(schema: &S) -> Value {
    serde_json::to_value(schema).unwrap_or(Value::Bool(false))
}
