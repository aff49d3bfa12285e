//! The HTTP API: every route is one command, in a table.

use std::collections::HashMap;

use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodFilter;
use axum::{Extension, Router};
use bytes::Bytes;
use nave_hub::api::{Answer, ApiError, decode_asked, encode, exit};
use serde_json::{Map, Value as Json, json};

use crate::auth::{self, Person};
use crate::limits::REQUEST_BODY_BYTES_MAX;
use crate::state::State;

/// Method, path, command. Path and query parameters and the fields of a JSON body become the command's fields.
/// What reaches into the hub's machine (installing a file, writing a backup, calling a plugin by hand, making tokens) is
/// not here: the local socket is for that.
const ROUTES: [(&str, &str, &str); 118] = [
    ("GET", "/v1/status", "status"),
    ("POST", "/v1/plan", "plan"),
    ("GET", "/v1/plan/initial", "plan-initial"),
    ("POST", "/v1/plan/initial", "plan-initial"),
    ("POST", "/v1/apply", "apply"),
    ("POST", "/v1/sync", "sync"),
    ("POST", "/v1/backfill/{flow}", "backfill"),
    ("GET", "/v1/archived/{flow}", "archived"),
    ("POST", "/v1/pause", "pause"),
    ("POST", "/v1/resume", "resume"),
    ("GET", "/v1/shadow", "shadow-report"),
    ("GET", "/v1/reconcile", "reconcile-status"),
    ("POST", "/v1/reconcile", "reconcile-run"),
    ("GET", "/v1/governance", "governance"),
    ("GET", "/v1/governance/{line}", "governance-list"),
    ("GET", "/v1/anomalies", "anomalies"),
    ("POST", "/v1/anomalies/{connection}/{stream}/release", "surge-release"),
    ("GET", "/v1/reconcile/history", "compare-history"),
    ("GET", "/v1/reconcile/{left}/{right}/{entity}", "compare"),
    ("POST", "/v1/reconcile/{left}/{right}/{entity}", "compare"),
    ("POST", "/v1/canaries", "canary-run"),
    ("POST", "/v1/tests/seed", "test-seed"),
    ("POST", "/v1/tests/clean", "test-clean"),
    ("POST", "/v1/tests/roundtrip", "test-roundtrip"),
    ("GET", "/v1/tests", "test-history"),
    ("POST", "/v1/tests", "test-keep"),
    ("POST", "/v1/tests/sample", "test-sample"),
    ("GET", "/v1/assessments", "assessments"),
    ("POST", "/v1/reload", "reload"),
    ("GET", "/v1/schedule", "schedule-list"),
    ("PUT", "/v1/schedule/{flow}", "schedule-set"),
    ("PUT", "/v1/schedule/{flow}/boost", "schedule-boost"),
    ("DELETE", "/v1/schedule/{flow}/boost", "schedule-unboost"),
    ("GET", "/v1/schedule/advice", "schedule-advise"),
    ("GET", "/v1/budget", "budget"),
    ("GET", "/v1/match/{entity}/candidates", "match-candidates"),
    ("GET", "/v1/match/{entity}/model", "match-model"),
    ("POST", "/v1/match/explain", "match-explain"),
    ("GET", "/v1/census/{entity}/{left}/{right}", "census"),
    ("GET", "/v1/merges", "merge-list"),
    ("POST", "/v1/merges", "merge-records"),
    ("GET", "/v1/merges/{id}", "merge-show"),
    ("POST", "/v1/merges/{id}/resume", "merge-resume"),
    ("POST", "/v1/merges/{which}/unmerge", "unmerge"),
    ("GET", "/v1/records", "records"),
    ("GET", "/v1/records/{entity}/{number}", "record-show"),
    ("GET", "/v1/records/{entity}/{number}/why", "record-why"),
    ("GET", "/v1/records/{entity}/{number}/history", "record-history"),
    ("POST", "/v1/records/{entity}/{number}/resync", "record-resync"),
    ("POST", "/v1/records/{entity}/{number}/correct", "record-correct"),
    ("POST", "/v1/records/{entity}/{number}/set", "record-set"),
    ("POST", "/v1/records/{entity}/{number}/release", "record-release"),
    ("GET", "/v1/records/{entity}/{number}/xref", "xref"),
    ("GET", "/v1/records/{entity}/{number}/readers", "audit-readers"),
    ("GET", "/v1/xref/{connection}/{stream}/{remote_id}", "xref"),
    ("GET", "/v1/reviews", "review-list"),
    ("GET", "/v1/reviews/{id}", "review-show"),
    ("POST", "/v1/reviews/{id}/decide", "review-decide"),
    ("POST", "/v1/reviews/decide", "review-bulk"),
    ("GET", "/v1/dead-letters", "dlq-list"),
    ("GET", "/v1/dead-letters/{id}", "dlq-show"),
    ("POST", "/v1/dead-letters/{id}/edit", "dlq-edit"),
    ("POST", "/v1/dead-letters/retry", "dlq-retry"),
    ("POST", "/v1/dead-letters/discard", "dlq-discard"),
    ("GET", "/v1/alerts", "alert-list"),
    ("POST", "/v1/alerts/test", "alert-test"),
    ("POST", "/v1/alerts/{id}/ack", "alert-ack"),
    ("GET", "/v1/runbooks", "runbook-list"),
    ("GET", "/v1/runbooks/{class}", "runbook-show"),
    ("GET", "/v1/secrets", "secret-list"),
    ("PUT", "/v1/secrets/{name}", "secret-set"),
    ("DELETE", "/v1/secrets/{name}", "secret-remove"),
    ("POST", "/v1/secrets/{name}/rotate", "secret-rotate"),
    ("POST", "/v1/secrets/{name}/check", "secret-check"),
    ("GET", "/v1/access", "access-list"),
    ("POST", "/v1/access/review", "access-review"),
    ("POST", "/v1/access/{what}/{name}/revoke", "access-revoke"),
    ("POST", "/v1/drills/stolen-credential/{name}", "drill-stolen"),
    ("GET", "/v1/connections", "connection-list"),
    ("POST", "/v1/connections/{name}/check", "connection-check"),
    ("POST", "/v1/connections/{name}/discover", "connection-discover"),
    ("POST", "/v1/connections/{name}/authorize", "connection-authorize"),
    ("GET", "/v1/sign-ins/{id}", "sign-in-show"),
    ("GET", "/v1/authorizations", "authorizations"),
    ("POST", "/v1/connections/{name}/assess", "assess"),
    ("GET", "/v1/connections/{name}/assessments", "assessments"),
    ("GET", "/v1/mappings/lint", "mapping-lint"),
    ("GET", "/v1/mappings/coverage", "mapping-coverage"),
    ("GET", "/v1/mappings/{mapping}/explain", "mapping-explain"),
    ("GET", "/v1/mappings", "mapping-sheet"),
    ("GET", "/v1/mappings/{mapping}/sheet", "mapping-sheet"),
    ("POST", "/v1/mappings/suggest", "mapping-suggest"),
    ("GET", "/v1/flows", "field-flows"),
    ("GET", "/v1/reports/bidirectional", "report-bidirectional"),
    ("GET", "/v1/impact/systems/{name}", "impact-system"),
    ("GET", "/v1/impact/fields/{field}", "impact-field"),
    ("GET", "/v1/fields/{field}/why", "field-why"),
    ("POST", "/v1/fields/{field}", "field-add"),
    ("POST", "/v1/policies/{template}", "policy-init"),
    ("GET", "/v1/plugins", "plugin-list"),
    ("DELETE", "/v1/plugins/{name}", "plugin-remove"),
    ("GET", "/v1/grants", "plugin-grants"),
    ("GET", "/v1/schemas", "schema-list"),
    ("GET", "/v1/schemas/{entity}", "schema-show"),
    ("GET", "/v1/schemas/diff/{from}/{to}", "schema-diff"),
    ("GET", "/v1/systems", "system-list"),
    ("GET", "/v1/systems/{name}", "system-show"),
    ("GET", "/v1/runs", "run-list"),
    ("GET", "/v1/runs/{id}", "run-show"),
    ("POST", "/v1/runs/{id}/rollback", "rollback"),
    ("GET", "/v1/audit", "audit"),
    ("GET", "/v1/audit/verify", "audit-verify"),
    ("GET", "/v1/audit/export", "audit-export"),
    ("GET", "/v1/store/check", "store-check"),
    ("POST", "/v1/store/rebuild", "store-rebuild"),
    ("GET", "/v1/doctor", "doctor"),
    ("GET", "/v1/whoami", "whoami"),
    ("GET", "/v1", "routes"),
];

/// Fields that are numbers or flags where a path or a query can only say text.
const NUMBERS: [&str; 4] = ["id", "limit", "after", "days"];
const FLAGS: [&str; 5] = ["full", "once", "save", "all", "plan"];

/// Code of a refusal: the route is there, for another method.
pub(crate) const METHOD_NOT_ALLOWED: &str = "method-not-allowed";
/// Code of a refusal: the body is larger than anything that is asked here.
pub(crate) const TOO_LARGE: &str = "too-large";

/// Whether a path is the API's, and its answers are JSON.
pub(crate) fn is_api(path: &str) -> bool {
    path.strip_prefix("/v1").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(crate) fn router() -> Router<State> {
    ROUTES.into_iter().fold(Router::new(), |router, (method, path, command)| {
        let filter = match method {
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let handler = move |state: Shared<State>,
                            person: Extension<Person>,
                            path: Path<HashMap<String, String>>,
                            query: Query<HashMap<String, String>>,
                            http_method: Method,
                            headers: HeaderMap,
                            body: Result<Bytes, BytesRejection>| async move {
            let body = match body {
                Ok(body) => body,
                Err(error) => return failure(&unread(&error)),
            };
            let asked = Asked { command, path: path.0, query: query.0, http_method, headers, body };
            match asked.answer(&state.0, &person.0).await {
                Ok(answer) => ok(&answer),
                Err(error) => failure(&error),
            }
        };
        router.route(path, axum::routing::on(filter, handler))
    })
}

/// The method is none of this path's.
pub(crate) async fn other_method(method: Method, uri: Uri) -> Response {
    let error = ApiError::new(METHOD_NOT_ALLOWED, exit::USAGE, format!("{method} is not for {}", uri.path()));
    if is_api(uri.path()) {
        return failure(&error.help("GET /v1 lists the routes with their methods"));
    }
    (auth::status(&error), format!("{}.\n", error.message)).into_response()
}

/// The body could not be had.
fn unread(error: &BytesRejection) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(TOO_LARGE, exit::USAGE, format!("the body has more than {REQUEST_BODY_BYTES_MAX} bytes"))
                .help("send less: a request is a secret or a decision, never data")
        }
        _ => ApiError::usage(format!("the body could not be read: {}", error.body_text())),
    }
}

struct Asked {
    command: &'static str,
    path: HashMap<String, String>,
    query: HashMap<String, String>,
    http_method: Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Asked {
    async fn answer(self, state: &State, person: &Person) -> Result<Json, ApiError> {
        match self.command {
            "whoami" => return Ok(json!({ "name": person.name })),
            "routes" => {
                let routes: Vec<Json> =
                    ROUTES.iter().map(|(method, path, _)| json!({ "method": method, "path": path })).collect();
                return Ok(json!({ "routes": routes }));
            }
            _ => {}
        }
        let answer: Answer = state.call_by(self.asked(person)?).await?;
        serde_json::to_value(&answer).map_err(|error| ApiError::failed(error.to_string()))
    }

    fn asked(mut self, person: &Person) -> Result<nave_hub::api::Asked, ApiError> {
        if matches!(self.command, "secret-set" | "secret-rotate") && !self.query.is_empty() {
            return Err(ApiError::usage("a secret is never taken from the address: addresses end up in logs and histories")
                .help("send it in the body: {\"value\": …}; and change the one that was in the address"));
        }
        let mut fields = Map::new();
        if !self.http_method.is_safe() && !self.body.is_empty() {
            let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            // A form of another site cannot send this content type without asking first.
            if !kind.starts_with("application/json") {
                return Err(ApiError::usage("the body must be JSON: Content-Type: application/json"));
            }
            match serde_json::from_slice(&self.body) {
                Ok(Json::Object(given)) => fields = given,
                Ok(_) => return Err(ApiError::usage("the body must be a JSON object")),
                Err(error) => return Err(ApiError::usage(format!("the body is not JSON: {error}"))),
            }
        }
        if let (Some(entity), Some(number)) = (self.path.get("entity"), self.path.get("number")) {
            fields.insert("record".to_owned(), Json::String(format!("{entity}/{number}")));
            self.path.clear();
        }
        if let (Some(connection), Some(stream), Some(id)) =
            (self.path.get("connection"), self.path.get("stream"), self.path.get("remote_id"))
        {
            fields.insert("record".to_owned(), Json::String(format!("{connection}/{stream}:{id}")));
            self.path.clear();
        }
        for (name, text) in self.query.into_iter().chain(self.path) {
            let value = if NUMBERS.contains(&name.as_str()) {
                Json::from(text.parse::<u64>().map_err(|_| ApiError::usage(format!("`{name}` must be a whole number")))?)
            } else if FLAGS.contains(&name.as_str()) {
                Json::Bool(text.parse().map_err(|_| ApiError::usage(format!("`{name}` must be true or false")))?)
            } else {
                Json::String(text)
            };
            fields.insert(name, value);
        }
        // Who did it is whose token it was.
        fields.insert("by".to_owned(), Json::String(person.name.clone()));
        fields.insert("command".to_owned(), Json::String(self.command.to_owned()));
        decode_asked(Json::Object(fields).to_string().as_bytes())
    }
}

fn ok(answer: &Json) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], encode(answer)).into_response()
}

/// An error as JSON, with the status that says the same.
pub(crate) fn failure(error: &ApiError) -> Response {
    let mut response =
        (auth::status(error), [(header::CONTENT_TYPE, "application/json")], encode(&json!({ "error": error }))).into_response();
    if let Some(seconds) = error.code.eq("too-many-failures").then_some(error.retry_after_s).flatten() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if error.code == "unauthorized" {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
    }
    response
}
