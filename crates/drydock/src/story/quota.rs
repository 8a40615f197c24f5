//! Resource quotas: what a namespace uses, and the refusal of a pod that would use too much.

use serde_json::{Map, Value, json};

use pilothouse_model::{Quantity, Read};

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::kind::Kind;
use super::mirror::{Change, Mirror, name_of};
use super::scheduler::fit;
use super::stage::Stage;

/// Keeps the status of every ResourceQuota.
pub(super) struct Accountant;

impl Actor for Accountant {
    const NAME: &'static str = "quota";

    fn wakes(&self, stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::ResourceQuota if !change.gone => vec![(Kind::ResourceQuota, name_of(&change.object))],
            Kind::Pod | Kind::PersistentVolumeClaim => {
                let namespace = super::namespace(&change.object);
                let quotas = stage.mirror.select(Kind::ResourceQuota, Some(namespace), |_| true);
                quotas.iter().map(|quota| (Kind::ResourceQuota, name_of(quota))).collect()
            }
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(quota) = stage.mirror.get(Kind::ResourceQuota, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        let used: Map<String, Value> = quota
            .entries("/spec/hard")
            .map(|(resource, _)| (resource.to_owned(), json!(show(resource, used(&stage.mirror, &key.1.0, resource)))))
            .collect();
        let status = json!({ "hard": quota.pointer("/spec/hard"), "used": used });
        stage.set_status(Kind::ResourceQuota, &quota, &status).await?;
        Ok(Next::Change)
    }
}

/// Thousandths of a resource (as quotas name it) that a namespace holds.
fn used(mirror: &Mirror, namespace: &str, resource: &str) -> i128 {
    if resource == "persistentvolumeclaims" {
        let claims = mirror.select(Kind::PersistentVolumeClaim, Some(namespace), |_| true).len();
        return i128::try_from(claims).unwrap_or(0) * 1000;
    }
    let pods = mirror.select(Kind::Pod, Some(namespace), |pod| !super::is_finished_pod(pod));
    pods.iter().map(|pod| asked(pod, resource)).sum()
}

/// What a pod counts for a resource as quotas name it.
fn asked(pod: &Value, resource: &str) -> i128 {
    let plain = resource.strip_prefix("requests.").unwrap_or(resource);
    fit::requests(pod).get(plain).copied().unwrap_or(0)
}

fn show(resource: &str, milli: i128) -> String {
    let milli = i64::try_from(milli).unwrap_or(i64::MAX);
    if resource.ends_with("memory") && milli > 0 {
        return format!("{}Mi", milli / 1000 / (1 << 20));
    }
    Quantity::milli(milli).to_string()
}

/// Refuses a pod that does not fit its namespace's quota, in the API server's own words. A real API server does so
/// itself; the embedded one leaves it to us.
pub(super) fn admit(mirror: &Mirror, pod: &Value) -> Result<(), ApiError> {
    let namespace = super::namespace(pod);
    for quota in mirror.select(Kind::ResourceQuota, Some(namespace), |_| true) {
        let mut over: Vec<(String, String, String, String)> = Vec::new();
        for (resource, hard) in quota.entries("/spec/hard") {
            let Some(limit) = hard.as_str().and_then(|text| text.parse::<Quantity>().ok()) else { continue };
            let (asked, used) = (asked(pod, resource), used(mirror, namespace, resource));
            if asked > 0 && asked + used > limit.as_milli() {
                over.push((
                    resource.to_owned(),
                    show(resource, asked),
                    show(resource, used),
                    hard.as_str().unwrap_or_default().to_owned(),
                ));
            }
        }
        if over.is_empty() {
            continue;
        }
        let list = |value: fn(&(String, String, String, String)) -> &String| -> String {
            over.iter().map(|entry| format!("{}={}", entry.0, value(entry))).collect::<Vec<_>>().join(",")
        };
        let message = format!(
            "pods \"{}\" is forbidden: exceeded quota: {}, requested: {}, used: {}, limited: {}",
            super::name(pod),
            super::name(&quota),
            list(|entry| &entry.1),
            list(|entry| &entry.2),
            list(|entry| &entry.3),
        );
        return Err(ApiError::Refused { status: 403, reason: "Forbidden".to_owned(), message });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_over_quota_is_refused_in_kubernetes_words() {
        let mirror = Mirror::new();
        mirror.observe(
            Kind::ResourceQuota,
            json!({"metadata": {"namespace": "a", "name": "kf-resource-quota", "uid": "q", "resourceVersion": "1"},
                "spec": {"hard": {"requests.nvidia.com/gpu": "4"}}}),
        );
        let pod = |name: &str, gpus: &str| {
            json!({"metadata": {"namespace": "a", "name": name, "uid": name, "resourceVersion": "2"},
                "spec": {"containers": [{"resources": {"limits": {"nvidia.com/gpu": gpus}}}]}})
        };
        assert!(admit(&mirror, &pod("x", "4")).is_ok());
        mirror.observe(Kind::Pod, pod("x", "3"));
        assert_eq!(
            admit(&mirror, &pod("y", "2")).unwrap_err().to_string(),
            "pods \"y\" is forbidden: exceeded quota: kf-resource-quota, requested: requests.nvidia.com/gpu=2, used: \
             requests.nvidia.com/gpu=3, limited: requests.nvidia.com/gpu=4"
        );
    }
}
