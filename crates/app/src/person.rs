//! Who asks: the one person whose credentials the console holds, or one of many who signed in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_cluster::Token;
use pilothouse_model::ClusterId;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// The one whose credentials the console holds: what it may read, the viewer sees.
    Console,
    /// Someone who signed in to a shared console: sees what the clusters grant to that person's own credential.
    Person(Arc<Person>),
    /// Nobody that is known: sees nothing.
    Nobody,
}

impl Viewer {
    /// Someone of whom nothing is known but a credential for one cluster.
    pub(crate) fn of_token(cluster: &ClusterId, token: &Token) -> Self {
        Self::Person(Arc::new(Person::new("", BTreeMap::from([(cluster.clone(), token.clone())]))))
    }

    /// The person's name, when the person signed in.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Person(person) => Some(person.name()),
            Self::Console | Self::Nobody => None,
        }
    }
}

/// How long what somebody may see is remembered when nobody says otherwise.
pub(crate) const RIGHTS_FOR: Duration = Duration::from_secs(30);

/// How a console is shared by many people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Whether the console has no rights of its own: everything is read with the credential of the person who asks.
    pub user_credentials_only: bool,
    /// How long what somebody may see is remembered: a change of rights takes effect within this time.
    pub rights_for: Duration,
    /// Namespaces to look into for whoever asks, by cluster: nobody may list them all, and what one may read in a namespace can
    /// only be asked by its name. They grant nothing.
    pub namespaces: BTreeMap<ClusterId, Vec<String>>,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { user_credentials_only: false, rights_for: RIGHTS_FOR, namespaces: BTreeMap::new() }
    }
}

/// Someone who signed in: a credential for each cluster that the person signed in to.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    name: String,
    tokens: BTreeMap<ClusterId, Token>,
}

impl Person {
    /// Someone with these credentials; `name` is for people to read and decides nothing.
    pub fn new(name: impl Into<String>, tokens: BTreeMap<ClusterId, Token>) -> Self {
        Self { name: name.into(), tokens }
    }

    /// The name, for people to read: where the cluster does not tell it, what the credential says of itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The credential for one cluster; a credential is never sent to another.
    pub fn token(&self, cluster: &ClusterId) -> Option<&Token> {
        self.tokens.get(cluster)
    }
}

impl fmt::Debug for Person {
    /// Never shows a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").field("name", &self.name).finish_non_exhaustive()
    }
}
