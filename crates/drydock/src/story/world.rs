//! The world the story plays in: nodes, namespaces, people, the platform's own workloads.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::api::ApiError;
use super::clock::stamp;
use super::fate;
use super::kind::Kind;
use super::stage::Stage;

mod nodes;
mod platform;
mod teams;

pub(super) use teams::{TEAMS, Team};

/// A user who may read everything but Secrets.
pub const VIEWER: &str = "vera@example.com";
/// A user with rights in the namespace `team-vision` alone.
pub const TEAM_MEMBER: &str = "tom@example.com";

/// How many hours the world stands before the story begins.
const AGE: i64 = 41 * 24;

/// Creates what is missing of the world.
pub(super) async fn seed(stage: &Stage) -> Result<(), ApiError> {
    for node in nodes::all() {
        let made = ensure(stage, Kind::Node, node.clone()).await?;
        if made {
            // A node's status is not taken at creation by every server.
            stage.set_status(Kind::Node, &json!({"metadata": node["metadata"]}), &node["status"]).await?;
        }
    }
    teams::seed(stage).await?;
    platform::seed(stage).await
}

/// Since when the world stands: longer than anything that happened in it.
fn began() -> String {
    let now = jiff::Timestamp::now();
    stamp(now.checked_sub(SignedDuration::from_hours(AGE)).unwrap_or(now))
}

/// Creates what stands since long ago, unless it is there.
async fn ensure(stage: &Stage, kind: Kind, mut object: Value) -> Result<bool, ApiError> {
    object["metadata"]["annotations"][fate::BEGAN] = began().into();
    stage.ensure(kind, object).await
}

/// A namespaced object with labels, in short.
fn object(namespace: &str, name: &str, labels: &Value, rest: Value) -> Value {
    let mut object = rest;
    object["metadata"] = json!({ "name": name, "namespace": namespace, "labels": labels });
    object
}
