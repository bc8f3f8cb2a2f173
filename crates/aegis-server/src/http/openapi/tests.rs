//! The document and its pages, made from three routes.

use aegis_core::id::AgentId;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::*;
use crate::http::edge::{Edge, EdgeSettings};
use crate::http::{Json, OptionalJson, Problem, Query, Segment, query_parameters};

/// What to plant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Plant {
    /// A name of two letters.
    #[schema(pattern = "^[a-z]{2}$", example = "ab")]
    name: String,
    depth: Option<u32>,
}

/// What grew.
#[derive(Debug, Serialize, ToSchema)]
struct Tree {
    /// The name it was given.
    name: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Only trees of at least this height.
    #[schema(minimum = 1)]
    height: Option<u32>,
}
query_parameters!(Filter);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// Plant a tree
///
/// It grows at once.
#[utoipa::path(post, path = "/trees", operation_id = "tree_plant", tag = "Trees",
    responses((status = 201, description = "It grew.", body = Tree)))]
async fn plant(Json(plant, _): Json<Plant>) -> Result<(StatusCode, axum::Json<Tree>), Problem> {
    let tall = plant.depth.is_none_or(|depth| depth < 3);
    let tree = Tree { name: plant.name };
    if tall { Ok((StatusCode::CREATED, axum::Json(tree))) } else { Err(Problem::not_found()) }
}

/// See trees
#[utoipa::path(get, path = "/trees", operation_id = "tree_list", tag = "Trees", params(Filter),
    responses((status = 200, description = "Trees.", body = Vec<Tree>)))]
async fn list(Query(filter): Query<Filter>) -> axum::Json<Vec<Tree>> {
    let name = filter.height.unwrap_or_default().to_string();
    axum::Json(vec![Tree { name }])
}

/// Shake a tree
#[utoipa::path(post, path = "/trees/{agent_id}/shake", operation_id = "tree_shake", tag = "Trees",
    params(("agent_id" = String, Path, description = "Which.")),
    request_body = Option<Empty>,
    responses((status = 200, description = "Shaken.", body = Tree)))]
async fn shake(
    Segment(id): Segment<AgentId>,
    OptionalJson(Empty {}, _): OptionalJson<Empty>,
) -> axum::Json<Tree> {
    axum::Json(Tree { name: id.to_string() })
}

fn about() -> About {
    About {
        version: "1.0.0".into(),
        origin: "http://127.0.0.1:8080".into(),
        tags: vec![("Trees", "Things that grow."), ("Reference", "This description.")],
    }
}

fn described() -> (Router, Document) {
    let router = OpenApiRouter::new()
        .routes(open_to(
            Audience::KeyHolder,
            &[ProblemCode::NotFound, ProblemCode::AgentNameTaken],
            routes!(plant),
        ))
        .routes(open_to(Audience::Anyone, &[], routes!(list)))
        .routes(open_to(Audience::AnyoneOrKeyHolder, &[ProblemCode::NotFound], routes!(shake)));
    describe(router, &about())
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Nothing a generator would stumble over, and no note of ours left in the document.
#[test]
fn is_sound() {
    let (_, document) = described();
    assert_eq!(document.defects(), Vec::<String>::new());
    let text = document.to_json();
    assert!(!text.contains("\"x-"), "{text}");
    assert_eq!(document.as_value()["openapi"], "3.1.0");
}

/// Each operation lists its own answers and those of its kind.
#[test]
fn completes_answers() {
    let (_, document) = described();
    let paths = &document.as_value()["paths"];
    let plant = &paths["/trees"]["post"];
    assert_eq!(
        keys(&plant["responses"]),
        ["201", "400", "401", "403", "404", "405", "409", "413", "415", "422", "429", "500", "503"]
    );
    assert_eq!(plant["responses"]["409"]["$ref"], "#/components/responses/AgentNameTaken");
    assert!(plant["responses"]["400"]["description"].as_str().unwrap().contains("AMBIGUOUS_CREDENTIALS"));
    assert!(plant["responses"]["201"]["headers"].get("X-Log-Entry").is_some());
    assert!(plant["responses"]["201"]["headers"].get("Location").is_some());
    assert!(plant["parameters"].as_array().unwrap().iter().any(|p| p["name"] == "Idempotency-Key"));
    assert_eq!(plant["requestBody"]["required"], true);
    let list = &paths["/trees"]["get"];
    assert_eq!(keys(&list["responses"]), ["200", "400", "403", "405", "500", "503"]);
    assert_eq!(list["security"], json!([]));
    assert_eq!(list["parameters"][0]["schema"]["type"], "integer");
    let shake = &paths["/trees/{agent_id}/shake"]["post"];
    assert_ne!(shake["requestBody"]["required"], true);
    assert_eq!(shake["security"][0], json!({}));
    let problem = &document.as_value()["components"]["schemas"]["Problem"];
    assert_eq!(problem["properties"]["code"]["type"], "string");
    assert_eq!(problem["properties"]["details"]["$ref"], "#/components/schemas/ProblemDetails", "{problem}");
}

/// Missing words and loose bodies are found.
#[test]
fn finds_defects() {
    let (_, mut document) = described();
    let operation = &mut document.0["paths"]["/trees"]["post"];
    operation["operationId"] = "tree_list".into();
    operation.as_object_mut().unwrap().remove("summary");
    document.0["components"]["schemas"]["Plant"].as_object_mut().unwrap().remove("additionalProperties");
    document.0["components"]["schemas"]["Tree"]["type"] = "tree".into();
    let found = document.defects();
    assert_eq!(found.len(), 4, "{found:?}");
}

/// The pages exist, describe what is there and need nothing from elsewhere.
#[tokio::test]
async fn serves_pages() {
    let (router, _) = described();
    let edge = Edge::new(router, EdgeSettings::default(), Box::new(|| [1; 16]));
    for (path, kind, words) in [
        ("/openapi.json", "application/json", "\"tree_plant\""),
        ("/docs", "text/html; charset=utf-8", "curl -X POST http://127.0.0.1:8080/trees"),
        ("/docs/errors", "text/html; charset=utf-8", "id=\"RATE_LIMITED\""),
    ] {
        let request = axum::extract::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = edge.respond([127, 0, 0, 1].into(), request).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], kind, "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], "*", "{path}");
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 22).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.contains(words), "{path}");
        assert!(!text.contains("<script") && !text.contains("src="), "{path}");
    }
}
