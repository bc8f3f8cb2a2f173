//! Query strings: read strictly, checked by the same schemas as bodies.

use aegis_core::json::escape_pointer;
use aegis_core::page::{Page, decode_cursor};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{RefOr, Required};

use super::json::into_type;
use super::problem::{Problem, Violation};
use super::schema::Rules;
use super::violations::{property_names, unknown_name};

/// Parameters in one query string; no endpoint has this many.
const PARAMETERS_MAX: usize = 64;

/// The page that `limit` and `cursor` ask for.
///
/// # Errors
/// A violation for a cursor that no list gave out.
pub fn read_page(limit: Option<u32>, cursor: Option<&str>) -> Result<Page, Violation> {
    let after = cursor.map(|cursor| decode_cursor(cursor).ok_or_else(unknown_cursor)).transpose()?;
    Ok(Page::new(limit, after))
}

/// A cursor that no list gave out.
pub fn unknown_cursor() -> Violation {
    let message = "`cursor` must be what the page before gave for the next one, unchanged.";
    Violation::new("/cursor", "cursor", message)
}

/// The query string as a `T`. Every parameter is given at most once; numbers and booleans are spelled as in
/// JSON; unknown parameters are refused with the nearest known name.
///
/// Declare `T` as for [`Json`](super::json::Json) and add [`query_parameters!`](crate::query_parameters) so that
/// `params(T)` in the route's declaration can list its parameters.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

/// Describes a type's fields as query parameters, from its `ToSchema` declaration:
/// `query_parameters!(ListQuery);`.
#[macro_export]
macro_rules! query_parameters {
    ($type:ty) => {
        impl ::utoipa::IntoParams for $type {
            fn into_params(
                _: impl Fn() -> Option<::utoipa::openapi::path::ParameterIn>,
            ) -> Vec<::utoipa::openapi::path::Parameter> {
                $crate::http::query::parameters_of::<$type>()
            }
        }
    };
}

impl<S, T> FromRequestParts<S> for Query<T>
where
    S: Send + Sync,
    T: DeserializeOwned + ToSchema + 'static,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parse(parts.uri.query().unwrap_or_default()).map(Query)
    }
}

/// Refuses any query string, for endpoints that take none but would otherwise ignore a misplaced one.
#[derive(Debug, Clone, Copy)]
pub struct NoQuery;

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let names = pairs(parts.uri.query().unwrap_or_default())?;
        let violations: Vec<Violation> =
            names.iter().map(|(name, _)| at(name, "unknown", unknown_name("parameter", name, &[]))).collect();
        if violations.is_empty() { Ok(NoQuery) } else { Err(Problem::validation(violations)) }
    }
}

/// Reads a query string (without its `?`) as a `T`.
///
/// # Errors
/// `VALIDATION_ERROR` with everything that is wrong.
pub fn parse<T>(query: &str) -> Result<T, Problem>
where
    T: DeserializeOwned + ToSchema + 'static,
{
    let rules = Rules::of::<T>()?;
    let known = property_names(rules.document());
    let mut values = Map::new();
    let mut violations = Vec::new();
    for (name, text) in pairs(query)? {
        if !known.contains(&name.as_str()) {
            violations.push(at(&name, "unknown", unknown_name("parameter", &name, &known)));
        } else if values.contains_key(&name) {
            violations.push(at(&name, "duplicate", format!("`{name}` is given twice.")));
        } else {
            let value = typed(rules.document(), &name, text);
            values.insert(name, value);
        }
    }
    let value = Value::Object(values);
    violations.extend(rules.check(&value));
    if violations.is_empty() { into_type(value) } else { Err(Problem::validation(violations)) }
}

/// A parameter's text as the JSON type its schema asks for; text that is no such value stays text, which the
/// schema then refuses with the type it wants.
fn typed(document: &Value, name: &str, text: String) -> Value {
    let declared = document.get("properties").and_then(|properties| properties.get(name));
    let wants = |kind: &str| match declared.and_then(|schema| schema.get("type")) {
        Some(Value::Array(kinds)) => kinds.iter().any(|known| known == kind),
        Some(known) => known == kind,
        None => false,
    };
    if wants("integer") || wants("number") {
        let plain = !text.starts_with(char::is_whitespace) && !text.ends_with(char::is_whitespace);
        if let (true, Ok(number)) = (plain, text.parse::<serde_json::Number>()) {
            return Value::Number(number);
        }
    }
    match text.as_str() {
        "true" if wants("boolean") => Value::Bool(true),
        "false" if wants("boolean") => Value::Bool(false),
        _ => Value::String(text),
    }
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let mut pairs = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (Some(name), Some(value)) = (decode(name), decode(value)) else {
            let message = "The query string is not percent-encoded UTF-8 without control characters.";
            return Err(Problem::validation(vec![Violation::new("", "encoding", message)]));
        };
        pairs.push((name, value));
        if pairs.len() > PARAMETERS_MAX {
            let message = format!("There are more than {PARAMETERS_MAX} parameters.");
            return Err(Problem::validation(vec![Violation::new("", "count", message)]));
        }
    }
    Ok(pairs)
}

/// Undoes form encoding: `+` is a space, `%` must be followed by two hexadecimal digits, the outcome must
/// be UTF-8 without control characters.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit =
                    |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(rest.next()?)? * 16 + digit(rest.next()?)?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
}

fn at(name: &str, rule: &str, message: String) -> Violation {
    Violation::new(format!("/{}", escape_pointer(name)), rule, message)
}

/// The fields of `T` as query parameters of the description.
pub fn parameters_of<T: ToSchema>() -> Vec<Parameter> {
    let RefOr::T(Schema::Object(object)) = T::schema() else { return Vec::new() };
    let required = object.required;
    let mut named = Vec::new();
    T::schemas(&mut named);
    let fields = object.properties.into_iter();
    fields
        .map(|(name, schema)| {
            let needed = if required.contains(&name) { Required::True } else { Required::False };
            let (schema, description) = without_null(schema);
            let schema = resolved(schema, &named);
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Query)
                .required(needed)
                .description(description)
                .schema(Some(schema))
                .build()
        })
        .collect()
}

/// A parameter's own copy of a named schema: names are known to bodies only.
fn resolved(schema: RefOr<Schema>, named: &[(String, RefOr<Schema>)]) -> RefOr<Schema> {
    let RefOr::Ref(reference) = &schema else { return schema };
    let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
    let found = named.iter().find(|(known, _)| known == name).map(|(_, schema)| schema.clone());
    found.unwrap_or(schema)
}

fn is_null(item: &RefOr<Schema>) -> bool {
    use utoipa::openapi::schema::{SchemaType, Type};
    matches!(item, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null))
}

/// A parameter is absent or has a value, never null; and its words belong to the parameter.
fn without_null(schema: RefOr<Schema>) -> (RefOr<Schema>, Option<String>) {
    use utoipa::openapi::schema::{SchemaType, Type};
    let mut object = match schema {
        RefOr::T(Schema::Object(object)) => object,
        RefOr::T(Schema::OneOf(mut choice)) => {
            let words = choice.description.take();
            choice.items.retain(|item| !is_null(item));
            return match (choice.items.pop(), choice.items.is_empty()) {
                (Some(only), true) => {
                    let (schema, own_words) = without_null(only);
                    (schema, words.or(own_words))
                }
                (last, _) => {
                    choice.items.extend(last);
                    (RefOr::T(Schema::OneOf(choice)), words)
                }
            };
        }
        RefOr::Ref(mut reference) => {
            let words = std::mem::take(&mut reference.description);
            return (RefOr::Ref(reference), (!words.is_empty()).then_some(words));
        }
        other @ RefOr::T(_) => return (other, None),
    };
    if let SchemaType::Array(kinds) = &mut object.schema_type {
        kinds.retain(|kind| *kind != Type::Null);
        if let [only] = kinds.as_slice() {
            object.schema_type = SchemaType::Type(only.clone());
        }
    }
    let is_text = object.schema_type == SchemaType::Type(Type::String);
    if is_text && object.pattern.is_none() && object.enum_values.is_none() && object.format.is_none() {
        object.pattern = Some(NO_CONTROL_CHARACTERS.to_owned());
    }
    let description = object.description.take();
    (RefOr::T(Schema::Object(object)), description)
}

/// What every text in a query string must be: see [`decode`].
const NO_CONTROL_CHARACTERS: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, ToSchema, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct List {
        /// Objects a page may have.
        #[schema(minimum = 1, maximum = 200)]
        limit: Option<u32>,
        cursor: Option<String>,
        full: Option<bool>,
    }
    query_parameters!(List);

    fn refused(query: &str) -> Vec<(String, String, String)> {
        let problem = parse::<List>(query).unwrap_err();
        let list = problem.fact("violations").unwrap().as_array().unwrap().clone();
        let text = |v: &Value, k: &str| v[k].as_str().unwrap().to_owned();
        list.iter().map(|v| (text(v, "pointer"), text(v, "rule"), text(v, "message"))).collect()
    }

    /// Text becomes what the schema asks for, escapes are undone, everything may be absent.
    #[test]
    fn reads_types_and_escapes() {
        let expected = List { limit: Some(20), cursor: Some("a b&ü".into()), full: Some(true) };
        assert_eq!(parse::<List>("limit=20&cursor=a+b%26%c3%bc&full=true").unwrap(), expected);
        assert_eq!(parse::<List>("").unwrap(), List { limit: None, cursor: None, full: None });
        assert_eq!(parse::<List>("cursor=5").unwrap().cursor, Some("5".into()));
    }

    /// Everything that is wrong is said at once, with the nearest known name.
    #[test]
    fn refuses_with_all_reasons() {
        let found = refused("limt=3&limit=0&full=yes&cursor=a&cursor=b");
        let rules: Vec<_> = found.iter().map(|(place, rule, _)| (place.as_str(), rule.as_str())).collect();
        assert_eq!(
            rules,
            [("/limt", "unknown"), ("/cursor", "duplicate"), ("/full", "type"), ("/limit", "minimum")]
        );
        assert_eq!(found[0].2, "Unknown parameter `limt`: did you mean `limit`?");
        assert_eq!(found[2].2, "`full` must be true or false, not a string.");
        assert_eq!(refused("limit=1.5")[0].1, "type");
        assert_eq!(refused("limit=%31%")[0].1, "encoding");
        assert_eq!(refused("cursor=%ff")[0].1, "encoding");
        assert_eq!(refused("cursor=%00")[0].1, "encoding");
        assert_eq!(refused("limit=99999999999999999999")[0].1, "maximum");
    }

    /// The description lists the parameters with their bounds, none of them nullable.
    #[test]
    fn describes_parameters() {
        let described = serde_json::to_value(<List as utoipa::IntoParams>::into_params(|| None)).unwrap();
        let limit =
            described.as_array().unwrap().iter().find(|parameter| parameter["name"] == "limit").unwrap();
        assert_eq!(limit["in"], "query");
        assert_eq!(limit["required"], false);
        assert_eq!(limit["description"], "Objects a page may have.");
        assert_eq!(limit["schema"]["type"], "integer");
        assert_eq!(limit["schema"]["maximum"], 200);
    }
}
