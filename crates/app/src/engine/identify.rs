//! Whether a credential is good for a cluster, and whose it is: asked of the cluster itself, with that credential alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilothouse_cluster::{Access, ClusterError, Token};
use pilothouse_model::ClusterId;

use super::Engine;
use crate::error::{AppError, ErrorKind};
use crate::person::Person;

/// Whom Kubernetes takes for nobody in particular.
const ANONYMOUS: &str = "system:anonymous";

impl Engine {
    /// Asks the cluster whether it accepts a token, and for whom it takes the bearer; `None` where it does not tell names.
    pub async fn identify(&self, cluster: &str, token: &Token) -> Result<Option<String>, AppError> {
        let tokens = BTreeMap::from([(ClusterId::new(cluster), token.clone())]);
        let stranger = self.seen_by(Arc::new(Person::new("", tokens)));
        let connection = stranger.cluster(cluster)?.own_connection()?;
        if let Some(identity) = connection.who_am_i().await? {
            if identity.name == ANONYMOUS {
                return Err(AppError::new(ErrorKind::Unauthorized, "the cluster takes this token for nobody's"));
            }
            return Ok(Some(identity.name));
        }
        // An older server does not tell. It answers any question of this kind only to whom it knows: yes or no both mean that.
        let any = Access { verb: "get".to_owned(), resource: "pods".to_owned(), ..Access::default() };
        match connection.review_access(&any).await {
            Ok(_) | Err(ClusterError::Forbidden { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
