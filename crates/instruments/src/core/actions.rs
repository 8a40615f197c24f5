//! What a person can do with Kubernetes' own kinds, beside editing and deleting them.

use pilothouse_model::{Action, Danger, GroupResource, Object, Permission, Read, WriteMethod, WriteRequest};
use serde_json::{Value, json};

const JOBS: GroupResource<'static> = GroupResource::new("batch", "jobs");
/// Where `kubectl rollout restart` writes the moment; whoever looks for it finds ours, too.
const RESTARTED: &str = "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt";

/// The actions of one object as it stands.
pub(super) fn of(object: &Object) -> Vec<Action> {
    match (object.group(), object.kind()) {
        ("apps", "Deployment" | "StatefulSet") => vec![scale(object), restart(object)],
        ("apps", "DaemonSet") => vec![restart(object)],
        ("apps", "ReplicaSet") | ("", "ReplicationController") => vec![scale(object)],
        ("batch", "Job") if !is_over(object) => {
            vec![suspension(object, "Its running pods are ended.", "Its pods start anew.")]
        }
        ("batch", "CronJob") => {
            let stops = "It starts no more jobs; those that run go on.";
            let starts = "It starts jobs again when they are due. One that was missed may start at once.";
            trigger(object).into_iter().chain([suspension(object, stops, starts)]).collect()
        }
        ("", "Node") => vec![cordon(object)],
        _ => Vec::new(),
    }
}

fn patch(id: &'static str, title: &'static str, danger: Danger, words: &str, body: Value) -> Action {
    let permission = Permission { verb: "patch", subresource: "" };
    let request = WriteRequest { method: WriteMethod::MergePatch, subresource: "", body };
    Action { id, title, words: words.to_owned(), danger, permission, request }
}

fn scale(object: &Object) -> Action {
    let now = object.integer("/spec/replicas").unwrap_or(1);
    let mut words = format!("It runs {now} now. Fewer end pods that run; none ends them all. Scaling back undoes it.");
    if let Some(owner) = object.controller() {
        words.push_str(&format!(" {} {} owns it and may set the number again.", owner.kind, owner.name));
    }
    Action {
        id: "scale",
        title: "Scale",
        words,
        danger: Danger::Disruptive,
        permission: Permission { verb: "patch", subresource: "scale" },
        request: WriteRequest {
            method: WriteMethod::NumberedMergePatch("/spec/replicas"),
            subresource: "scale",
            body: json!({"spec": {"replicas": now}}),
        },
    }
}

fn restart(object: &Object) -> Action {
    let words = match object.text("/spec/updateStrategy/type") {
        Some("OnDelete") => {
            "Its pods get a new template; each is replaced when somebody deletes it (update strategy OnDelete)."
        }
        _ => "Its pods are replaced by new ones, some at a time, as its update strategy says. It cannot be undone.",
    };
    Action {
        request: WriteRequest {
            method: WriteMethod::StampedMergePatch(RESTARTED),
            subresource: "",
            body: json!({"spec": {"template": {"metadata": {"annotations": {}}}}}),
        },
        ..patch("restart", "Restart", Danger::Disruptive, words, Value::Null)
    }
}

/// A job that ended neither starts nor stops anything any more.
fn is_over(object: &Object) -> bool {
    ["Complete", "Failed"].iter().any(|kind| object.condition(kind).is_some_and(|condition| condition.is_true()))
}

fn suspension(object: &Object, stops: &str, starts: &str) -> Action {
    let body = |suspend: bool| json!({"spec": {"suspend": suspend}});
    if object.boolean("/spec/suspend") == Some(true) {
        return patch("resume", "Resume", Danger::Reversible, starts, body(false));
    }
    let danger = if object.kind() == "Job" { Danger::Disruptive } else { Danger::Reversible };
    patch("suspend", "Suspend", danger, stops, body(true))
}

/// A job made from the template now; `None` when there is no template to make it from.
fn trigger(object: &Object) -> Option<Action> {
    let template = object.value().pointer("/spec/jobTemplate")?;
    let spec = template.get("spec")?;
    let mut annotations =
        template.pointer("/metadata/annotations").cloned().filter(Value::is_object).unwrap_or(json!({}));
    annotations["cronjob.kubernetes.io/instantiate"] = json!("manual");
    let labels = template.pointer("/metadata/labels").cloned().unwrap_or(Value::Null);
    let body = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": format!("{}-manual-", object.name()),
            "namespace": object.namespace(),
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [{
                "apiVersion": object.api_version(), "kind": "CronJob", "name": object.name(), "uid": object.uid(),
            }],
        },
        "spec": spec,
    });
    Some(Action {
        id: "trigger",
        title: "Run now",
        words: "A job is made from its template and starts now, whatever the schedule says.".to_owned(),
        danger: Danger::Reversible,
        permission: Permission { verb: "create", subresource: "" },
        request: WriteRequest { method: WriteMethod::Create(JOBS), subresource: "", body },
    })
}

fn cordon(object: &Object) -> Action {
    let body = |value: Value| json!({"spec": {"unschedulable": value}});
    if object.boolean("/spec/unschedulable") == Some(true) {
        return patch(
            "uncordon",
            "Uncordon",
            Danger::Reversible,
            "New pods may be placed on it again.",
            body(Value::Null),
        );
    }
    let words = "No new pods are placed on it; those that run go on. Uncordon undoes it.";
    patch("cordon", "Cordon", Danger::Reversible, words, body(json!(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(object: Value) -> Vec<Action> {
        of(&Object::new(object).unwrap())
    }

    fn ids(object: Value) -> String {
        offered(object).iter().map(|action| action.id).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_kind_offers_what_fits_how_it_stands() {
        let cases = [
            (json!({"apiVersion": "apps/v1", "kind": "Deployment"}), "scale restart"),
            (json!({"apiVersion": "apps/v1", "kind": "DaemonSet"}), "restart"),
            (json!({"apiVersion": "apps/v1", "kind": "ReplicaSet"}), "scale"),
            (json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"suspend": true}}), "resume"),
            (json!({"apiVersion": "batch/v1", "kind": "Job"}), "suspend"),
            (
                json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions": [{"type": "Failed", "status": "True"}]}}),
                "",
            ),
            (json!({"apiVersion": "batch/v1", "kind": "CronJob"}), "suspend"),
            (
                json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {}}}}),
                "trigger suspend",
            ),
            (json!({"apiVersion": "v1", "kind": "Node", "spec": {"unschedulable": true}}), "uncordon"),
            (json!({"apiVersion": "v1", "kind": "Node"}), "cordon"),
            (json!({"apiVersion": "serving.knative.dev/v1", "kind": "Deployment"}), ""),
            (json!({"apiVersion": "v1", "kind": "Pod"}), ""),
        ];
        for (mut object, expected) in cases {
            object["metadata"] = json!({"name": "one"});
            assert_eq!(ids(object.clone()), expected, "{object}");
        }
    }

    #[test]
    fn scaling_proposes_the_number_that_holds() {
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "spec": {"replicas": 3},
            "metadata": {"name": "web-1", "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u", "controller": true},
            ]},
        });
        let [scale] = offered(set).try_into().unwrap();
        assert_eq!(scale.request.body.pointer("/spec/replicas"), Some(&json!(3)));
        assert!(scale.words.contains("Deployment web owns it"), "{}", scale.words);
    }

    #[test]
    fn a_triggered_job_belongs_to_its_cron_job_and_says_that_a_person_made_it() {
        let cron = json!({
            "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"namespace": "a", "name": "night", "uid": "u"},
            "spec": {"jobTemplate": {
                "metadata": {"labels": {"app": "night"}, "annotations": {"note": "x"}}, "spec": {"backoffLimit": 1},
            }},
        });
        let trigger = offered(cron).remove(0);
        let job = &trigger.request.body;
        assert_eq!(job["metadata"]["generateName"], "night-manual-");
        assert_eq!(job["metadata"]["annotations"], json!({"note": "x", "cronjob.kubernetes.io/instantiate": "manual"}));
        assert_eq!((&job["metadata"]["labels"]["app"], &job["spec"]["backoffLimit"]), (&json!("night"), &json!(1)));
        assert_eq!(job["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(trigger.request.method, WriteMethod::Create(JOBS));
    }
}
