//! Kubeconfig files: written for the real control plane, read for both.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What is needed to speak to an API server as somebody.
#[derive(Clone, Debug)]
pub struct Credential {
    /// `https://127.0.0.1:port`.
    pub server: String,
    /// Certificate of the authority, PEM.
    pub authority: String,
    /// Bearer token.
    pub token: String,
}

impl Credential {
    /// Writes a kubeconfig with one context of this name.
    pub fn write(&self, folder: &Path, context: &str) -> PathBuf {
        use base64::Engine as _;
        let authority = base64::engine::general_purpose::STANDARD.encode(&self.authority);
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "clusters": [{"name": context, "cluster": {"server": self.server, "certificate-authority-data": authority}}],
            "users": [{"name": context, "user": {"token": self.token}}],
        });
        let path = folder.join(format!("{context}.kubeconfig"));
        let text = serde_json::to_string_pretty(&config).expect("plain data serializes");
        std::fs::write(&path, text).expect("the folder is writable");
        path
    }

    /// Reads the first cluster and user of a kubeconfig's text.
    pub fn read(text: &str) -> Self {
        use base64::Engine as _;
        let config: Value = serde_saphyr::from_str(text).expect("a kubeconfig is YAML");
        let field = |pointer: &str| {
            let value = config.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_else(|| panic!("the kubeconfig has no {pointer}")).to_owned()
        };
        let authority = base64::engine::general_purpose::STANDARD
            .decode(field("/clusters/0/cluster/certificate-authority-data"))
            .expect("the authority is base64");
        Self {
            server: field("/clusters/0/cluster/server"),
            authority: String::from_utf8(authority).expect("a PEM file is text"),
            token: field("/users/0/user/token"),
        }
    }
}
