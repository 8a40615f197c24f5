//! The values of one Secret, for a person who asks to see them: read with the person's own credential, recorded, kept nowhere.

use pilothouse_model::Object;

use crate::act::Target;
use crate::cluster::Cluster;
use crate::error::{AppError, ErrorKind};

impl Cluster {
    /// A Secret with its values.
    pub async fn reveal(&self, target: &Target) -> Result<Object, AppError> {
        let wrong = |words: &str| AppError::new(ErrorKind::BadInput, words);
        if !target.is_secret() {
            return Err(wrong("only Secrets have hidden values"));
        }
        let namespace = target.namespace.as_deref().ok_or_else(|| wrong("a Secret lives in a namespace"))?;
        let connection = self.own_connection()?;
        let record = self
            .inner
            .audit
            .record(crate::audit::Deed { summary: serde_json::json!({"reveal": true}), ..self.deed("get", target) })?;
        match connection.get_secret(&target.resource, namespace, &target.name).await {
            Ok(object) => {
                record.done(None);
                Ok(object)
            }
            Err(error) => {
                record.failed(&error);
                Err(AppError::from(error))
            }
        }
    }
}
