//! Which rows an answer can be about at all: those of the namespaces asked for that may be seen.

use pilothouse_model::{Filter, Plan, Requirement, Seen, Sight, Str};

use crate::facts::{Mask, SLOTS};
use crate::state::State;

/// A set of slots.
#[derive(Clone)]
pub(crate) struct Cover {
    masks: Vec<Mask>,
    pub(crate) count: usize,
}

impl Cover {
    pub(crate) fn none(state: &State) -> Self {
        Self { masks: vec![Mask::default(); state.facts.chunks().len()], count: 0 }
    }

    fn all(state: &State) -> Self {
        Self { masks: state.facts.chunks().iter().map(|chunk| chunk.live).collect(), count: state.len() }
    }

    /// The rows that a plan covers, or fewer where an index says that others do not match.
    pub(crate) fn of(state: &State, plan: &Plan) -> Self {
        let mut cover = match (&plan.sight, &plan.namespaces) {
            (Sight::None, _) => Self::none(state),
            (Sight::All, None) => Self::all(state),
            (Sight::All, Some(namespaces)) => Self::in_namespaces(state, namespaces.iter()),
            (Sight::Some(seen), None) => {
                let mut cover = Self::in_namespaces(state, seen.namespaces.iter());
                cover.add_named(state, seen, |_| true);
                cover
            }
            (Sight::Some(seen), Some(namespaces)) => {
                let both = namespaces.iter().filter(|namespace| seen.namespaces.contains(*namespace));
                let mut cover = Self::in_namespaces(state, both);
                cover.add_named(state, seen, |namespace| namespace.is_some_and(|own| namespaces.contains(own)));
                cover
            }
        };
        if let Some((key, value)) = label_equality(&plan.filter)
            && let Some(rare) = state.labelled_slots(key, value, cover.count / 8)
        {
            let mut kept = Self::none(state);
            rare.filter(|slot| cover.has(*slot)).for_each(|slot| kept.add(slot));
            cover = kept;
        }
        cover
    }

    fn in_namespaces<'a>(state: &State, namespaces: impl Iterator<Item = &'a Str>) -> Self {
        let mut cover = Self::none(state);
        for namespace in namespaces {
            state.slots_in_namespace(namespace).for_each(|slot| cover.add(slot));
        }
        cover
    }

    /// Adds the rows that are seen by name.
    fn add_named(&mut self, state: &State, seen: &Seen, covers: impl Fn(Option<&Str>) -> bool) {
        let mut anywhere = Vec::new();
        for (namespace, name) in &seen.names {
            match namespace {
                None => anywhere.extend(state.facts.words.place(name).1),
                Some(_) => state
                    .slots_named(namespace.as_deref(), name)
                    .filter(|_| covers(namespace.as_ref()))
                    .for_each(|slot| self.add(slot)),
            }
        }
        if anywhere.is_empty() {
            return;
        }
        for (at, chunk) in state.facts.chunks().iter().enumerate() {
            let Some(names) = chunk.lane(1) else { continue };
            names.filter_words(chunk.live, |word| anywhere.contains(&word)).each(|index| {
                let slot = (at * SLOTS + index) as u32;
                if state.record(slot).is_some_and(|record| covers(record.row.namespace.as_ref())) {
                    self.add(slot);
                }
            });
        }
    }

    pub(crate) fn has(&self, slot: u32) -> bool {
        let slot = slot as usize;
        self.masks.get(slot / SLOTS).is_some_and(|mask| mask.has(slot % SLOTS))
    }

    pub(crate) fn add(&mut self, slot: u32) {
        if let Some(mask) = self.masks.get_mut(slot as usize / SLOTS) {
            let index = slot as usize % SLOTS;
            self.count += usize::from(!mask.has(index));
            mask.set(index, true);
        }
    }

    /// Keeps what a closure keeps of each chunk.
    pub(crate) fn keep(&mut self, mut kept: impl FnMut(usize, Mask) -> Mask) {
        for (at, mask) in self.masks.iter_mut().enumerate().filter(|(_, mask)| !mask.is_empty()) {
            *mask = kept(at, *mask);
        }
        self.count = self.masks.iter().map(|mask| mask.count()).sum();
    }

    /// The chunks with anything in them.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (usize, Mask)> {
        self.masks.iter().copied().enumerate().filter(|(_, mask)| !mask.is_empty())
    }

    /// Its slots.
    pub(crate) fn slots(&self) -> Vec<u32> {
        let mut slots = Vec::with_capacity(self.count);
        for (at, mask) in self.chunks() {
            mask.each(|index| slots.push((at * SLOTS + index) as u32));
        }
        slots
    }
}

/// A label that every matching row has.
fn label_equality(filter: &Filter) -> Option<(&str, &str)> {
    match filter {
        Filter::And(filters) => filters.iter().find_map(label_equality),
        Filter::Labels(selector) => selector.requirements.iter().find_map(|requirement| match requirement {
            Requirement::In(key, values) if values.len() == 1 => values.first().map(|value| (&**key, &**value)),
            _ => None,
        }),
        _ => None,
    }
}
