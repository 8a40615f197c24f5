//! Paths of the API, made from names that may come from a person.

use pilothouse_model::Resource;

use crate::error::ClusterError;

/// The path of a resource's objects, in one namespace or in all.
pub(crate) fn collection(resource: &Resource, namespace: Option<&str>) -> Result<String, ClusterError> {
    let namespace = namespace.map(segment).transpose()?;
    Ok(resource.path(namespace.as_deref()))
}

/// The path of one object.
pub(crate) fn object(resource: &Resource, namespace: Option<&str>, name: &str) -> Result<String, ClusterError> {
    Ok(format!("{}/{}", collection(resource, namespace)?, segment(name)?))
}

/// The path of a part of one object: its log, its scale.
pub(crate) fn subresource(
    resource: &Resource,
    namespace: Option<&str>,
    (name, part): (&str, &str),
) -> Result<String, ClusterError> {
    Ok(format!("{}/{}", object(resource, namespace, name)?, segment(part)?))
}

/// The longest name: no object has one that is longer.
const LONGEST: usize = 512;

/// A name as one segment of a path. What Kubernetes allows in no name could lead elsewhere, so it is refused here; so is what
/// something between us and the server may take for a slash or for nothing.
pub(crate) fn segment(name: &str) -> Result<String, ClusterError> {
    let leads_elsewhere = name.contains(['/', '\\', '%']) || name.contains(char::is_control);
    // Some servers take what follows a semicolon for no part of the segment.
    let dots = name.split(';').next().unwrap_or_default().bytes().all(|byte| byte == b'.');
    if dots || leads_elsewhere || name.len() > LONGEST {
        let shown: String = name.chars().take(80).collect();
        return Err(ClusterError::NotFound { message: format!("`{shown}` cannot be the name of an object") });
    }
    Ok(escape(name))
}

/// Text as part of a path or a query: continue tokens are base64, whose `+`, `/` and `=` mean something in a URL.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => {
                escaped.push(char::from(byte));
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::resource;

    #[test]
    fn tokens_survive_the_query() {
        assert_eq!(escape("eyJ2-_.~+/= %&"), "eyJ2-_.~%2B%2F%3D%20%25%26");
    }

    #[test]
    fn a_name_stays_within_its_segment() {
        let roles = resource("rbac.authorization.k8s.io", "v1", "roles", "Role");
        let path = |namespace, name| object(&roles, namespace, name);
        assert_eq!(
            path(Some("team-a"), "system:node?x#y").unwrap(),
            "/apis/rbac.authorization.k8s.io/v1/namespaces/team-a/roles/system:node%3Fx%23y"
        );
        let long = "a".repeat(LONGEST + 1);
        for odd in
            ["", ".", "..", "...", "../../secrets/s", "%2e%2e", "a/b", "..\\x", "..;", ";x", "a\0", "a\r\nb", &long]
        {
            assert!(matches!(path(Some("team-a"), odd), Err(ClusterError::NotFound { .. })), "{odd}");
            assert!(matches!(path(Some(odd), "a"), Err(ClusterError::NotFound { .. })), "{odd}");
            let part = subresource(&roles, Some("team-a"), ("a", odd));
            assert!(matches!(part, Err(ClusterError::NotFound { .. })), "{odd}");
        }
    }
}
