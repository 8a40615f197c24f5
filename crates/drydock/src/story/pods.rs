//! Making pods from templates, the way all controllers do, and telling when the cluster refuses them.

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::api::ApiError;
use super::fate;
use super::kind::Kind;
use super::object::{add, map_at, owned_metadata};
use super::stage::Stage;

/// Which pod of its owner.
pub(super) struct Part<'a> {
    pub(super) name: &'a str,
    /// As fates name it: `worker-1`.
    pub(super) role: &'a str,
    /// How many of the same role were there before.
    pub(super) attempt: u32,
}

/// A pod from a template; the story's annotations come from the owner and the template.
pub(super) fn from_template(kind: Kind, owner: &Value, template: &Value, part: &Part<'_>) -> Value {
    let mut pod = json!({
        "metadata": owned_metadata(kind, owner, part.name),
        "spec": template.get("spec").cloned().unwrap_or_else(|| json!({})),
    });
    add(&mut pod, "labels", map_at(template, "/metadata/labels"));
    let plain = map_at(template, "/metadata/annotations").into_iter().filter(|(key, _)| !key.starts_with(fate::PREFIX));
    add(&mut pod, "annotations", plain);
    let mut inherited = fate::inherit(owner);
    inherited.extend(fate::inherit(template));
    add(&mut pod, "annotations", fate::resolve(&inherited, part.role, part.attempt));
    pod
}

/// Creates a pod for its owner. A refusal becomes the event that controllers write; `Ok(false)` says that it was refused
/// or was there already.
pub(super) async fn create(stage: &Stage, owner: &Value, source: &str, pod: Value) -> Result<bool, ApiError> {
    let name = super::name(&pod).to_owned();
    match stage.create(Kind::Pod, pod).await {
        Ok(_) => {
            stage.normal(owner, source, "SuccessfulCreate", &format!("Created pod: {name}")).await;
            Ok(true)
        }
        Err(error) if error.is_conflict() => Ok(false),
        Err(error) if error.is_forbidden() => {
            stage.warning(owner, source, "FailedCreate", &format!("Error creating: {error}")).await;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// How many containers of a pod are ready, for counts in statuses.
pub(super) fn count(pods: &[std::sync::Arc<Value>], test: impl Fn(&Value) -> bool) -> usize {
    pods.iter().filter(|pod| test(pod)).count()
}

/// Whether a pod holds a place: it neither ended nor is it on its way out.
pub(super) fn is_active(pod: &Value) -> bool {
    !super::is_finished_pod(pod) && !super::is_ending(pod)
}

/// The phase of a pod.
pub(super) fn phase(pod: &Value) -> &str {
    pod.text("/status/phase").unwrap_or("Pending")
}
