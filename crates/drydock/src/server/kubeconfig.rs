//! The kubeconfig that leads to the embedded cluster.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A kubeconfig with one cluster, one user and one context, called `pilothouse-demo`.
pub(super) fn write(url: &str, authority: &str, user: &str, token: &str) -> String {
    let authority = STANDARD.encode(authority);
    // JSON strings are YAML strings, whatever the name holds.
    let user = serde_json::Value::from(user);
    format!(
        "apiVersion: v1
kind: Config
current-context: pilothouse-demo
clusters:
- name: pilothouse-demo
  cluster:
    server: {url}
    certificate-authority-data: {authority}
contexts:
- name: pilothouse-demo
  context:
    cluster: pilothouse-demo
    user: {user}
    namespace: default
users:
- name: {user}
  user:
    token: {token}
"
    )
}
