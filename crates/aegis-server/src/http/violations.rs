//! Broken schema rules in words a developer can act on.
//!
//! The validator says which keyword failed where; this module says what would be right. Values from the
//! request are never repeated, only names and what the schema permits: a message may end up in a log.

use aegis_core::json::escape_pointer;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::problem::Violation;

/// Names shown when an unknown field resembles none of the known ones.
const KNOWN_SHOWN_MAX: usize = 16;
/// Below this similarity (Jaro–Winkler) a suggestion would confuse more than help.
const LIKENESS_MIN: f64 = 0.8;

/// Adds what `error` means, in the context of the schema `document` it came from, to `found`.
pub(super) fn describe(document: &Value, error: &ValidationError<'_>, found: &mut Vec<Violation>) {
    let pointer = error.instance_path().as_str();
    let schema = document.pointer(parent_of(error.schema_path().as_str())).unwrap_or(&Value::Null);
    let (rule, kind) = (error.kind().keyword(), error.kind());
    if let Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } = kind {
        let known = property_names(schema);
        found.extend(unexpected.iter().map(|name| {
            let place = format!("{pointer}/{}", escape_pointer(name));
            Violation::new(place, "unknown", unknown_name("field", name, &known))
        }));
    } else if let Kind::Required { property } = kind {
        let name = property.as_str().unwrap_or_default();
        let place = format!("{pointer}/{}", escape_pointer(name));
        let message = format!("{} is missing.", label(&place));
        found.push(Violation::new(place, rule, message));
    } else if let Kind::AnyOf { context } | Kind::OneOfNotValid { context } = kind {
        describe_alternatives(document, pointer, rule, context, found);
    } else if let Kind::PropertyNames { error } = kind {
        describe(document, error, found);
    } else {
        let message = format!("{} {}", label(pointer), complaint(kind, error.instance(), schema));
        found.push(Violation::new(pointer, rule, message));
    }
}

/// The rest of the sentence that starts with the value's name.
fn complaint(kind: &Kind, instance: &Value, schema: &Value) -> String {
    match kind {
        Kind::Type { kind } => format!("must be {}, not {}.", types(kind), type_of(instance)),
        Kind::Enum { options } => enumeration(options, instance),
        Kind::Constant { expected_value } => format!("must be {}.", shown(expected_value)),
        Kind::Pattern { pattern } => form(schema, &format!("match the pattern {}", code(pattern))),
        Kind::Format { format } => form(schema, &format!("be a valid {format}")),
        Kind::MinLength { limit } => format!("must have at least {}.", count(*limit, "character")),
        Kind::MaxLength { limit } => format!("must have at most {}.", count(*limit, "character")),
        Kind::MinItems { limit } => format!("must have at least {}.", count(*limit, "item")),
        Kind::MaxItems { limit } => format!("must have at most {}.", count(*limit, "item")),
        Kind::MinProperties { limit } => format!("must have at least {}.", count(*limit, "field")),
        Kind::MaxProperties { limit } => format!("must have at most {}.", count(*limit, "field")),
        Kind::Minimum { limit } => format!("must be {limit} or more."),
        Kind::Maximum { limit } => format!("must be {limit} or less."),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}."),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}."),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}."),
        Kind::UniqueItems => "must not have the same item twice.".to_owned(),
        Kind::OneOfMultipleValid { .. } => {
            "fits more than one of the permitted forms; leave out what does not belong to the one you mean."
                .to_owned()
        }
        Kind::AdditionalItems { limit } => format!("must have at most {limit} items."),
        Kind::Contains => "lacks an item of the required form.".to_owned(),
        Kind::FalseSchema => "is not permitted here.".to_owned(),
        Kind::AdditionalProperties { .. }
        | Kind::UnevaluatedProperties { .. }
        | Kind::UnevaluatedItems { .. }
        | Kind::Required { .. }
        | Kind::AnyOf { .. }
        | Kind::OneOfNotValid { .. }
        | Kind::PropertyNames { .. }
        | Kind::BacktrackLimitExceeded { .. }
        | Kind::RegexEngineFailure { .. }
        | Kind::ContentEncoding { .. }
        | Kind::ContentMediaType { .. }
        | Kind::FromUtf8 { .. }
        | Kind::Custom { .. }
        | Kind::Not { .. }
        | Kind::Referencing(_) => form(schema, "have the described form"),
    }
}

/// `oneOf` and `anyOf`: speaks about the alternative the caller most likely meant, else about all of them.
fn describe_alternatives(
    document: &Value,
    pointer: &str,
    rule: &str,
    context: &[Vec<ValidationError<'static>>],
    found: &mut Vec<Violation>,
) {
    // An optional value is written as "this or null"; nobody who sent a value meant the null.
    let meant: Vec<&Vec<ValidationError<'static>>> =
        context.iter().filter(|errors| !errors.iter().any(|error| wants_only_null(error, pointer))).collect();
    let mut fitting = meant.iter().filter(|errors| !errors.iter().any(|error| is_other_kind(error, pointer)));
    if let (Some(errors), None) = (fitting.next(), fitting.next()) {
        for error in *errors {
            describe(document, error, found);
        }
        return;
    }
    if let [only] = meant.as_slice() {
        for error in *only {
            describe(document, error, found);
        }
        return;
    }
    let mut forms = Vec::new();
    for errors in meant {
        let mut reasons = Vec::new();
        for error in errors {
            describe(document, error, &mut reasons);
        }
        forms.extend(reasons.into_iter().next().map(|reason| reason.message));
    }
    forms.dedup();
    let message = match tags(context, pointer) {
        Some((tag, values)) => {
            found.push(Violation::new(
                tag.clone(),
                "enum",
                format!("{} must be one of {}.", label(&tag), values.join(", ")),
            ));
            return;
        }
        None => format!("{} has none of the permitted forms: {}", label(pointer), forms.join(" Or: ")),
    };
    found.push(Violation::new(pointer, rule, message));
}

fn wants_only_null(error: &ValidationError<'_>, pointer: &str) -> bool {
    error.instance_path().as_str() == pointer
        && matches!(error.kind(), Kind::Type { kind: TypeKind::Single(JsonType::Null) })
}

/// Whether this error shows that the alternative was not meant: the whole value has another type, or the
/// member that tells the alternatives apart has another value.
fn is_other_kind(error: &ValidationError<'_>, pointer: &str) -> bool {
    let here = error.instance_path().as_str() == pointer;
    (here && matches!(error.kind(), Kind::Type { .. })) || tag_of(error, pointer).is_some()
}

/// The pointer and the single permitted value of a member that tells alternatives apart.
fn tag_of<'a>(error: &'a ValidationError<'_>, pointer: &str) -> Option<(&'a str, String)> {
    let place = error.instance_path().as_str();
    let name = place.strip_prefix(pointer)?.strip_prefix('/')?;
    if name.contains('/') {
        return None;
    }
    let value = if let Kind::Constant { expected_value } = error.kind() {
        expected_value.as_ref()
    } else if let Kind::Enum { options } = error.kind() {
        match options.as_array()?.as_slice() {
            [only] => only,
            _ => return None,
        }
    } else {
        return None;
    };
    Some((place, shown(value)))
}

/// When every alternative names another value of the same member: that member and all its values.
fn tags(context: &[Vec<ValidationError<'static>>], pointer: &str) -> Option<(String, Vec<String>)> {
    let mut place = None;
    let mut values = Vec::new();
    for errors in context.iter().filter(|errors| !errors.iter().any(|error| wants_only_null(error, pointer)))
    {
        let (tag, value) = errors.iter().find_map(|error| tag_of(error, pointer))?;
        if *place.get_or_insert(tag) != tag {
            return None;
        }
        values.push(value);
    }
    place.map(|tag| (tag.to_owned(), values))
}

/// Prefers what the schema says in words over the bare rule.
fn form(schema: &Value, bare: &str) -> String {
    let text = |name: &str| schema.get(name).and_then(Value::as_str).map(str::trim).filter(|t| !t.is_empty());
    let description = text("description").map(|words| {
        // Doc comments are wrapped; the message is one line.
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    let example = schema
        .get("example")
        .or_else(|| schema.get("examples").and_then(|examples| examples.get(0)))
        .map(|example| format!(" Example: {}.", shown(example)))
        .unwrap_or_default();
    match description {
        Some(words) => format!("must {bare}: {}.{example}", words.trim_end_matches('.')),
        None => format!("must {bare}.{example}"),
    }
}

fn enumeration(options: &Value, instance: &Value) -> String {
    let values: Vec<&Value> = options.as_array().map(|list| list.iter().collect()).unwrap_or_default();
    let listed = values.iter().map(|value| shown(value)).collect::<Vec<_>>().join(", ");
    let near = instance.as_str().and_then(|text| {
        nearest(text, &values.iter().filter_map(|value| value.as_str()).collect::<Vec<_>>())
    });
    match near {
        Some(near) => format!("must be one of {listed}; did you mean {}?", code(near)),
        None => format!("must be one of {listed}."),
    }
}

/// A sentence about a name nobody knows, with the nearest known one.
pub(super) fn unknown_name(what: &str, name: &str, known: &[&str]) -> String {
    let name: String = name.chars().take(64).collect();
    match nearest(&name, known) {
        Some(near) => format!("Unknown {what} {}: did you mean {}?", code(&name), code(near)),
        None if known.is_empty() => format!("Unknown {what} {}: there are no {what}s here.", code(&name)),
        None => {
            let shown: Vec<String> = known.iter().take(KNOWN_SHOWN_MAX).map(|known| code(known)).collect();
            let more = if known.len() > KNOWN_SHOWN_MAX { ", …" } else { "" };
            format!("Unknown {what} {}; known here: {}{more}.", code(&name), shown.join(", "))
        }
    }
}

/// The candidate most like `name`, if any is like it.
pub(crate) fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    let wanted = plain(name);
    let scored = candidates.iter().map(|known| (strsim::jaro_winkler(&wanted, &plain(known)), *known));
    scored
        .filter(|(score, _)| *score >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// The names of an object schema's properties.
pub(super) fn property_names(schema: &Value) -> Vec<&str> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

/// How a value is called in a sentence: `a.b`, `chain[2]`, or "The body".
pub(super) fn label(pointer: &str) -> String {
    let mut name = String::new();
    for token in pointer.split('/').skip(1) {
        if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) {
            name = format!("{name}[{token}]");
        } else {
            let token = token.replace("~1", "/").replace("~0", "~");
            name = if name.is_empty() { token } else { format!("{name}.{token}") };
        }
    }
    if name.is_empty() { "The value".to_owned() } else { code(&name) }
}

fn parent_of(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| code(&value.to_string()), code)
}

fn count(limit: u64, noun: &str) -> String {
    if limit == 1 { format!("1 {noun}") } else { format!("{limit} {noun}s") }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(single) => with_article(*single).to_owned(),
        TypeKind::Multiple(set) => {
            let meant: Vec<&str> =
                set.iter().filter(|kind| *kind != JsonType::Null).map(with_article).collect();
            meant.join(" or ")
        }
    }
}

fn with_article(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "an array",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "an integer",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
