//! How an object stands, read from the object alone, before its pods have their say.

use pilothouse_model::{Level, Object, ObjectRef, OwnerReference, State, Status, Workload};

/// A state with its reasons.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) state: State,
    pub(super) level: Level,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Standing {
    pub(super) fn new(state: State) -> Self {
        Self { state, level: state.level(), reason: String::new(), message: String::new() }
    }

    #[must_use]
    pub(super) fn because(mut self, reason: &str, message: &str) -> Self {
        reason.clone_into(&mut self.reason);
        message.clone_into(&mut self.message);
        self
    }

    #[must_use]
    pub(super) fn at(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    pub(super) fn status(&self) -> Status {
        Status::new(self.level, self.state.as_str()).because(&self.reason, &self.message)
    }

    pub(super) fn workload(self) -> Workload {
        let mut workload = Workload::new(self.state);
        workload.level = self.level;
        workload.reason = self.reason;
        workload.message = self.message;
        workload
    }
}

/// The first of these condition types, in this order, that is true.
pub(super) fn first_true(object: &Object, order: &[(&str, State)]) -> Option<Standing> {
    order.iter().find_map(|(kind, state)| {
        let condition = object.condition(kind).filter(|condition| condition.is_true())?;
        Some(Standing::new(*state).because(condition.reason, condition.message))
    })
}

/// The queue that a job waits in or came through.
pub(super) fn queue(object: &Object) -> Option<String> {
    object.label("kueue.x-k8s.io/queue-name").filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A suspended job that belongs to a queue is not switched off: the queue has not let it in.
pub(super) fn suspended(object: &Object, reason: &str, message: &str) -> Standing {
    match queue(object) {
        Some(name) if message.is_empty() => {
            Standing::new(State::Queued).because(reason, &format!("It waits to be admitted by the queue {name}."))
        }
        Some(_) => Standing::new(State::Queued).because(reason, message),
        None => Standing::new(State::Suspended).because(reason, message),
    }
}

/// The workload that an object belongs to: its controller, or its first owner.
pub(super) fn owner(object: &Object) -> Option<ObjectRef> {
    object.controller().or_else(|| object.owners().next()).map(|owner| reference(object, &owner))
}

fn reference(object: &Object, owner: &OwnerReference<'_>) -> ObjectRef {
    ObjectRef {
        api_version: owner.api_version.to_owned(),
        kind: owner.kind.to_owned(),
        namespace: object.namespace().map(str::to_owned),
        name: owner.name.to_owned(),
        uid: Some(owner.uid.to_owned()).filter(|uid| !uid.is_empty()),
    }
}
