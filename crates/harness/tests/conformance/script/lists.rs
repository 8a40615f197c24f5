//! Lists: pages, selectors, and what makes them fail.

use serde_json::{Value, json};

use super::{namespace, pod};
use crate::recorder::{Recorder, list};

const PODS: &str = "/api/v1/namespaces/lists/pods";
const MAPS: &str = "/api/v1/namespaces/lists/configmaps";

pub(super) async fn run(recorder: &mut Recorder) {
    namespace(recorder, "lists").await;
    for number in 0..7 {
        let tier = if number % 2 == 0 { "even" } else { "odd" };
        let body = json!({"metadata": {"name": format!("map-{number}"), "labels": {"tier": tier, "number": number.to_string()}}});
        recorder.admin.ensure(MAPS, &body).await;
    }
    for name in ["alpha", "beta", "gamma"] {
        recorder.admin.ensure(PODS, &pod(name, &json!({"name": name}))).await;
    }
    pages(recorder).await;
    selectors(recorder).await;
    shapes(recorder).await;
    errors(recorder).await;
}

/// The names of a list's items, and what the list says about itself.
fn outline(body: &Value) -> Value {
    // Namespaces of a real server hold a root certificate that an embedded one has no use for.
    let names: Vec<&Value> = list(&body["items"])
        .iter()
        .map(|item| &item["metadata"]["name"])
        .filter(|name| *name != "kube-root-ca.crt")
        .collect();
    json!({"kind": body["kind"], "apiVersion": body["apiVersion"], "metadata": body["metadata"], "names": names})
}

async fn listed(recorder: &mut Recorder, step: &str, path: &str) -> Value {
    let answer = recorder.admin.get(path).await;
    let body = if answer.status == 200 { outline(&answer.body) } else { answer.body.clone() };
    recorder.note(step, json!({"code": answer.status, "body": body}));
    answer.body
}

async fn pages(recorder: &mut Recorder) {
    let first = listed(recorder, "the first page", &format!("{MAPS}?limit=3")).await;
    let token = first["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    // A page belongs to the moment of the first one, whatever happens since.
    recorder.admin.ensure(MAPS, &json!({"metadata": {"name": "map-3-late"}})).await;
    let second = listed(recorder, "the second page", &format!("{MAPS}?limit=3&continue={token}")).await;
    let same = first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"];
    recorder.note("pages share one version", json!(same));
    let token = second["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    listed(recorder, "the last page", &format!("{MAPS}?limit=3&continue={token}")).await;
    listed(recorder, "a page larger than the list", &format!("{MAPS}?limit=500")).await;
    listed(recorder, "a page of a selection", &format!("{MAPS}?limit=2&labelSelector=tier%3Deven")).await;
}

async fn selectors(recorder: &mut Recorder) {
    for (step, selector) in [
        ("label equals", "tier%3Dodd"),
        ("label equals, written twice", "tier%3D%3Dodd"),
        ("label differs", "tier!%3Dodd"),
        ("label in a set", "number%20in%20(1,2,9)"),
        ("label not in a set", "number%20notin%20(1,2)"),
        ("label exists", "tier"),
        ("label is absent", "!tier"),
        ("label is greater", "number%3E3"),
        ("label is less", "number%20%3C%20005"),
        ("a label that is no number is not greater", "tier%3E0"),
        ("several requirements", "tier%3Deven,number!%3D4"),
    ] {
        listed(recorder, step, &format!("{MAPS}?labelSelector={selector}")).await;
    }
    listed(recorder, "field selector by name", &format!("{MAPS}?fieldSelector=metadata.name%3Dmap-1")).await;
    listed(recorder, "field selector by absence of a name", &format!("{MAPS}?fieldSelector=metadata.name!%3Dmap-1"))
        .await;
    listed(recorder, "field selector over namespaces", "/api/v1/pods?fieldSelector=metadata.namespace%3Dlists").await;
    listed(recorder, "pods by phase", &format!("{PODS}?fieldSelector=status.phase%3DPending")).await;
    listed(recorder, "pods by node", &format!("{PODS}?fieldSelector=spec.nodeName%3Dnone")).await;
    listed(recorder, "pods by another phase", &format!("{PODS}?fieldSelector=status.phase!%3DPending")).await;
}

async fn shapes(recorder: &mut Recorder) {
    let answer = recorder.admin.get(&format!("{MAPS}?labelSelector=number%3D1")).await;
    recorder.note("items carry no kind of their own", json!(list(&answer.body["items"])));
    listed(recorder, "an empty list", &format!("{MAPS}?labelSelector=number%3Dnone")).await;
    let answer = recorder.admin.get(&format!("{MAPS}?resourceVersion=0&labelSelector=tier")).await;
    recorder.note("a list from the cache", json!({"code": answer.status, "body": outline(&answer.body)}));
}

async fn errors(recorder: &mut Recorder) {
    listed(recorder, "a broken label selector", &format!("{MAPS}?labelSelector=a%20b%20c")).await;
    for bound in ["%3Efive", "%3E-5", "%3E%3D5", "%3E", "%3E9223372036854775808"] {
        let answer = recorder.admin.get(&format!("{MAPS}?labelSelector=number{bound}")).await;
        recorder.note(&format!("a label compared with no number, {bound}"), json!(answer.status));
    }
    listed(recorder, "a broken field selector", &format!("{MAPS}?fieldSelector=a")).await;
    listed(recorder, "an unknown field", &format!("{MAPS}?fieldSelector=spec.colour%3Dred")).await;
    listed(recorder, "an unknown field of pods", &format!("{PODS}?fieldSelector=spec.colour%3Dred")).await;
    listed(recorder, "a broken page token", &format!("{MAPS}?limit=3&continue=broken")).await;
    listed(recorder, "a broken limit", &format!("{MAPS}?limit=many")).await;
    listed(recorder, "a broken resource version", &format!("{MAPS}?resourceVersion=old")).await;
}
