//! Where to look first: hints that grant nothing.

use std::collections::BTreeSet;

use pilothouse_model::{GroupResource, Str};

use super::Holder;
use crate::cluster::Inner;
use crate::moment::Name;

/// The namespace of a service account, by what its token says of itself: only a hint where to look.
pub(super) fn own_namespace(holder: &Holder) -> Option<Str> {
    use base64::Engine as _;
    let Holder::Person(token) = holder else { return None };
    let payload = token.reveal().split('.').nth(1)?;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    let mut subject = claims.get("sub")?.as_str()?.strip_prefix("system:serviceaccount:")?.split(':');
    subject.next().filter(|name| !name.is_empty()).map(Str::from)
}

/// The rights to begin with where rules cannot be listed: what pages commonly ask about.
pub(crate) fn commonly_asked(inner: &Inner) -> BTreeSet<Name> {
    let known = inner.instruments.iter().flat_map(|instrument| instrument.manifest().resources);
    let others = [GroupResource::new("", "events"), GroupResource::new("", "namespaces")];
    known.copied().chain(others).map(|name| (name.group.to_owned(), name.plural.to_owned())).collect()
}
