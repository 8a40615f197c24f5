//! Where the audit log of a console goes.

use std::path::PathBuf;

use pilothouse_app::{Audit, AuditTo};

use crate::arguments::act::AuditArguments;
use crate::failure::Failure;

/// Begins to record, where it was said or where such things belong. A console of many people writes to standard output
/// when nothing was said: whoever runs it collects that.
pub(crate) fn begin(audit: &Audit, options: &AuditArguments, shared: bool) -> Result<(), Failure> {
    let to = match &options.audit_log {
        Some(path) if path.as_os_str() == "none" => {
            if shared {
                tracing::warn!("no audit log is kept: what people do through the console is recorded nowhere");
            }
            return Ok(());
        }
        Some(path) if path.as_os_str() == "-" => AuditTo::Output,
        Some(path) => AuditTo::File(path.clone()),
        None if shared => AuditTo::Output,
        None => match own_file() {
            Some(path) => AuditTo::File(path),
            None => AuditTo::Output,
        },
    };
    audit.begin(to, options.audit_events).map_err(|error| {
        Failure::Other(format!("{error}; name another place with --audit-log, - for standard output, or none"))
    })
}

/// `pilothouse/audit.log` where programs keep what they did, made when it is not there.
fn own_file() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = if cfg!(windows) {
        named("LOCALAPPDATA")?
    } else {
        named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local").join("state")))?
    };
    let folder = state.join("pilothouse");
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(&folder) {
        Ok(()) => Some(folder.join("audit.log")),
        Err(error) => {
            tracing::warn!("{} cannot be made: {error}; the audit log goes to standard output", folder.display());
            None
        }
    }
}
