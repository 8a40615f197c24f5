//! What goes wrong in a request, as the `Status` object that Kubernetes answers with.

use http::StatusCode;
use serde_json::{Value, json};

use crate::registry::Served;

/// A refused request: everything its `Status` object says.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// HTTP status code.
    pub(crate) code: StatusCode,
    /// Reason in one word, as clients compare it.
    pub(crate) reason: &'static str,
    /// Message for people.
    pub(crate) message: String,
    /// `details`, or null.
    pub(crate) details: Value,
}

/// One field that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct FieldProblem {
    /// `FieldValueInvalid`, `FieldValueRequired`, ...
    pub(crate) reason: &'static str,
    /// `metadata.name`.
    pub(crate) field: String,
    /// `Invalid value: "x": why`.
    pub(crate) message: String,
}

impl FieldProblem {
    /// A value that does not fit; `value` is shown as JSON.
    pub(crate) fn invalid(field: &str, value: &Value, why: &str) -> Self {
        Self { reason: "FieldValueInvalid", field: field.to_owned(), message: format!("Invalid value: {value}: {why}") }
    }

    /// A value that is missing.
    pub(crate) fn required(field: &str, why: &str) -> Self {
        let message = if why.is_empty() { "Required value".to_owned() } else { format!("Required value: {why}") };
        Self { reason: "FieldValueRequired", field: field.to_owned(), message }
    }

    /// A value outside a closed set.
    pub(crate) fn unsupported(field: &str, value: &str, supported: &[&str]) -> Self {
        let list = supported.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        Self {
            reason: "FieldValueNotSupported",
            field: field.to_owned(),
            message: format!("Unsupported value: \"{value}\": supported values: {list}"),
        }
    }

    /// A change or value that is not allowed.
    pub(crate) fn forbidden(field: &str, why: &str) -> Self {
        Self { reason: "FieldValueForbidden", field: field.to_owned(), message: format!("Forbidden: {why}") }
    }
}

impl Failure {
    /// A failure without details.
    pub(crate) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    fn about(code: StatusCode, reason: &'static str, served: &Served, name: &str) -> Self {
        let mut details = json!({ "kind": &*served.resource.plural });
        if !name.is_empty() {
            details["name"] = json!(name);
        }
        if !served.resource.group.is_empty() {
            details["group"] = json!(&*served.resource.group);
        }
        Self { code, reason, message: String::new(), details }
    }

    fn saying(mut self, message: String) -> Self {
        self.message = message;
        self
    }

    /// 400.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 404 of a path that nothing serves.
    pub(crate) fn no_such_path() -> Self {
        let mut failure =
            Self::new(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource");
        failure.details = json!({});
        failure
    }

    /// 404 of one object.
    pub(crate) fn not_found(served: &Served, name: &str) -> Self {
        Self::about(StatusCode::NOT_FOUND, "NotFound", served, name)
            .saying(format!("{} \"{name}\" not found", served.resource.group_resource()))
    }

    /// 404 of a namespace that something should have been created in.
    pub(crate) fn no_namespace(name: &str) -> Self {
        let mut failure = Self::new(StatusCode::NOT_FOUND, "NotFound", format!("namespaces \"{name}\" not found"));
        failure.details = json!({ "name": name, "kind": "namespaces" });
        failure
    }

    /// 409 of a name that is taken.
    pub(crate) fn already_exists(served: &Served, name: &str) -> Self {
        Self::about(StatusCode::CONFLICT, "AlreadyExists", served, name)
            .saying(format!("{} \"{name}\" already exists", served.resource.group_resource()))
    }

    /// 409 of a write based on an older version, or of a failed precondition.
    pub(crate) fn conflict(served: &Served, name: &str, why: &str) -> Self {
        Self::about(StatusCode::CONFLICT, "Conflict", served, name)
            .saying(format!("Operation cannot be fulfilled on {} \"{name}\": {why}", served.resource.group_resource()))
    }

    /// 409 of a write based on an older version.
    pub(crate) fn stale(served: &Served, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(served, name, why)
    }

    /// 422 with one cause per field.
    pub(crate) fn invalid(served: &Served, name: &str, problems: &[FieldProblem]) -> Self {
        let mut failure = Self::about(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", served, name);
        let said: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect();
        let kind = &*served.resource.kind;
        let qualified = if served.resource.group.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind}.{}", served.resource.group)
        };
        let said = if said.len() == 1 { said.concat() } else { format!("[{}]", said.join(", ")) };
        failure.message = format!("{qualified} \"{name}\" is invalid: {said}");
        failure.details["kind"] = json!(kind);
        failure.details["causes"] = problems
            .iter()
            .map(|problem| json!({ "reason": problem.reason, "message": problem.message, "field": problem.field }))
            .collect();
        failure
    }

    /// 403 with a free reason.
    pub(crate) fn forbidden(served: &Served, name: &str, why: &str) -> Self {
        Self::about(StatusCode::FORBIDDEN, "Forbidden", served, name)
            .saying(format!("{} \"{name}\" is forbidden: {why}", served.resource.group_resource()))
    }

    /// 401.
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// 405.
    pub(crate) fn method_not_allowed() -> Self {
        let mut failure = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        );
        failure.details = json!({});
        failure
    }

    /// 406.
    pub(crate) fn not_acceptable(accepted: &str) -> Self {
        Self::new(
            StatusCode::NOT_ACCEPTABLE,
            "NotAcceptable",
            format!("only the following media types are accepted: {accepted}"),
        )
    }

    /// 410: the versions asked for are no longer remembered.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// 413.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            format!("Request entity too large: limit is {limit}"),
        )
    }

    /// 415.
    pub(crate) fn unsupported_media(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// 500.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    }

    /// 504: a resource version that this server has not reached.
    pub(crate) fn from_the_future(asked: u64, current: u64) -> Self {
        let mut failure = Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "Timeout",
            format!("Timeout: Too large resource version: {asked}, current: {current}"),
        );
        failure.details = json!({
            "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
            "retryAfterSeconds": 1,
        });
        failure
    }

    /// The `Status` object.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code.as_u16(),
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}
