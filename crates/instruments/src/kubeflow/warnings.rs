//! What events say of a workload that waits and does not say for what: a quota that refuses its pods, an admission webhook.

use std::sync::Arc;

use pilothouse_model::event::last_happened;
use pilothouse_model::{Level, Link, Object, Objects, Read, State};

use super::standing::Standing;

/// The newest warning about the object or its children since the object was made, when nothing else says why it waits.
///
/// What the controllers say on the way (`PyTorchJobCreated`) is no reason to wait.
pub(super) fn refine(standing: Standing, object: &Object, objects: &dyn Objects, links: &[Link]) -> Standing {
    if standing.state != State::Pending || standing.level != State::Pending.level() {
        return standing;
    }
    let children = links
        .iter()
        .filter(|link| link.relation == "children")
        .flat_map(|link| link.target.resolve(object.uid(), objects).objects);
    let of_children = children.flat_map(|child| objects.events(&child.reference()).objects);
    let newest = objects
        .events(&object.reference())
        .objects
        .into_iter()
        .chain(of_children)
        .filter(|event| event.text("/type") == Some("Warning") && is_of_this_life(event, object))
        .max_by_key(|event| last_happened(event));
    match newest {
        Some(event) => standing
            .at(Level::Warning)
            .because(event.text("/reason").unwrap_or("Warning"), event.text("/message").unwrap_or_default()),
        None => standing,
    }
}

/// An object of the same name may have lived before.
fn is_of_this_life(event: &Arc<Object>, object: &Object) -> bool {
    match (last_happened(event), object.created()) {
        (Some(seen), Some(created)) => seen >= created,
        _ => true,
    }
}
