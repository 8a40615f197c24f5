//! What happens in a pretended cluster, and what somebody may see of it, at random.

use std::sync::Arc;

use pilothouse_model::{Seen, Sight};
use proptest::prelude::*;

use super::KINDS;
use crate::cluster::Cut;
use crate::rights::{Holder, Sights, View};

/// One thing that happens in the cluster.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    Put {
        kind: usize,
        place: usize,
        labels: Vec<(usize, usize)>,
        owner: usize,
    },
    Delete {
        kind: usize,
        place: usize,
    },
    Know(usize, usize),
    Serve(usize, bool),
    /// Whether discovery can tell what the group of the instrument serves.
    Discover(bool),
    Renew(usize),
    /// So much at once that the history does not reach back.
    Storm(usize),
    Step,
}

pub(super) fn happening() -> impl Strategy<Value = Happening> {
    let labels = prop::collection::vec((0..5_usize, 0..4_usize), 0..3);
    prop_oneof![
        12 => (0..5_usize, 0..8_usize, labels, 0..12_usize)
            .prop_map(|(kind, place, labels, owner)| Happening::Put { kind, place, labels, owner }),
        4 => (0..5_usize, 0..8_usize).prop_map(|(kind, place)| Happening::Delete { kind, place }),
        2 => (0..5_usize, 0..5_usize).prop_map(|(kind, how)| Happening::Know(kind, how)),
        1 => (0..5_usize, any::<bool>()).prop_map(|(kind, served)| Happening::Serve(kind, served)),
        1 => any::<bool>().prop_map(Happening::Discover),
        1 => (0..5_usize).prop_map(Happening::Renew),
        1 => (0..5_usize).prop_map(Happening::Storm),
        8 => Just(Happening::Step),
    ]
}

/// What somebody may see of one resource.
fn view() -> impl Strategy<Value = View> {
    let sight = || {
        let some = Seen {
            namespaces: ["a".into()].into(),
            names: [(Some("b".into()), "o1".into()), (None, "o2".into())].into(),
        };
        prop_oneof![
            Just(Sight::All),
            Just(Sight::None),
            Just(Sight::of(some)),
            Just(Sight::in_namespaces(["b".into()]))
        ]
    };
    (sight(), sight()).prop_map(|(listed, read)| View { named: listed.union(&read), listed })
}

/// What somebody may see who may not see everything.
pub(super) fn cut() -> impl Strategy<Value = Option<Cut>> {
    let cut = prop::collection::vec(view(), KINDS.len()).prop_map(|views| {
        let names = KINDS.iter().map(|(name, _)| (name.group.to_owned(), name.plural.to_owned()));
        Cut { sights: Arc::new(Sights::new(names.zip(views).collect())), holder: Holder::Console, own: false }
    });
    prop::option::of(cut)
}
