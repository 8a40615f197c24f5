//! The objects of a world. Canaries stand in them: words by which whatever is told can be traced to one object.

use std::collections::BTreeSet;

use pilothouse_harness::Api;
use reqwest::Method;
use serde_json::{Value, json};

use super::dice::Dice;
use super::world::{CONFIG_MAPS, EVENTS, JOBS, PODS, SECRETS, TRAIN_JOBS};

/// How every canary begins.
pub(crate) const CANARY: &str = "canary";
/// How many letters follow.
const LETTERS: usize = 8;

/// A word that stands in one object alone, and wherever something is told of it.
pub(crate) fn canary(dice: &mut Dice) -> String {
    let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let rest = (0..LETTERS).map(|_| char::from(*dice.pick(letters)));
    CANARY.chars().chain(rest).collect()
}

/// The canaries of a text, however it marks what was looked for.
pub(crate) fn canaries(text: &str) -> BTreeSet<String> {
    let plain = text.replace("<mark>", "").replace("</mark>", "");
    let words = plain.split(CANARY).skip(1).filter_map(|rest| rest.get(..LETTERS));
    let whole = words.filter(|word| word.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit()));
    whole.map(|word| format!("{CANARY}{word}")).collect()
}

/// The text that an object's name holds when a search for it must find it.
pub(crate) const MARK: &str = "zebra";

/// A name that other namespaces have, too, or one that nothing else has.
fn name(dice: &mut Dice, number: usize) -> String {
    match dice.below(5) {
        0 | 1 => format!("{MARK}-{number}"),
        2 | 3 => format!("plain-{number}"),
        _ => format!("own-{}", canary(dice)),
    }
}

/// What stands above every object.
pub(crate) fn metadata(dice: &mut Dice, name: &str) -> Value {
    let mut labels = json!({"own": canary(dice)});
    if !dice.one_in(3) {
        labels["tone"] = json!(dice.pick(&["low", "middle", "high"]));
    }
    json!({"name": name, "labels": labels, "annotations": {"note": canary(dice)}})
}

/// Makes the objects of a namespace; gives their names.
pub(crate) async fn fill(admin: &Api, namespace: &str, dice: &mut Dice) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..3 {
        for (kind, value) in [(CONFIG_MAPS, canary(dice)), (SECRETS, "dg==".to_owned())] {
            let name = name(dice, number);
            let object = json!({"metadata": metadata(dice, &name), "data": {"k": value}});
            admin.ensure(&kind.path(Some(namespace)), &object).await;
            names.push(name);
        }
    }
    for number in 0..2 {
        names.extend(family(admin, namespace, dice, number).await);
    }
    names
}

/// Makes a job, a pod of it, an event about the pod, and a training job.
async fn family(admin: &Api, namespace: &str, dice: &mut Dice, number: usize) -> [String; 4] {
    let names = [(); 4].map(|()| name(dice, number));
    let [job_name, train_job_name, pod_name, event_name] = &names;
    let mut containers = || json!([{"name": "main", "image": format!("example.test/{}:1", canary(dice))}]);
    let template = json!({"spec": {"containers": containers(), "restartPolicy": "Never"}});
    let spec = json!({"containers": containers()});
    let jobs = JOBS.path(Some(namespace));
    admin.ensure(&jobs, &json!({"metadata": metadata(dice, job_name), "spec": {"template": template}})).await;
    let train_job = json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": metadata(dice, train_job_name), "spec": {"runtimeRef": {"name": "torch"}},
    });
    admin.ensure(&TRAIN_JOBS.path(Some(namespace)), &train_job).await;
    let job = admin.get(&format!("{jobs}/{job_name}")).await.body;
    let mut pod = json!({"metadata": metadata(dice, pod_name), "spec": spec});
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "batch/v1", "kind": "Job", "name": job_name, "uid": job["metadata"]["uid"], "controller": true,
    }]);
    let pods = PODS.path(Some(namespace));
    admin.ensure(&pods, &pod).await;
    // A message that only those may read who may list the pods of this namespace.
    let message = format!("{} ({})", secret_words(namespace), canary(dice));
    let status = json!({"status": {"phase": "Pending", "conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
    }]}});
    admin
        .send(Method::PATCH, &format!("{pods}/{pod_name}/status"), Some(("application/merge-patch+json", &status)))
        .await;
    let uid = admin.get(&format!("{pods}/{pod_name}")).await.body["metadata"]["uid"].clone();
    let event = json!({
        "metadata": metadata(dice, event_name), "type": "Warning", "reason": "BackOff",
        "message": format!("again {}", canary(dice)), "lastTimestamp": "2026-11-01T10:00:00Z",
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": pod_name, "namespace": namespace, "uid": uid},
    });
    admin.ensure(&EVENTS.path(Some(namespace)), &event).await;
    names
}

/// What only pods of a namespace say.
pub(crate) fn secret_words(namespace: &str) -> String {
    format!("0/2 nodes are available in {namespace}")
}
