//! What the audit log holds, and that nothing is done that it cannot hold.

use std::collections::BTreeMap;

use crate::person::Person;

use super::*;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("pilothouse-audit-{name}-{}", request_id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    lines.into_iter().filter(|line| line["event"] == "request").collect()
}

fn deed(plural: &str) -> Deed {
    let cluster = ClusterId::new("lab");
    let tokens = BTreeMap::from([(cluster.clone(), Token::new("t0p-s3cret"))]);
    Deed {
        request: request_id(),
        viewer: Viewer::Person(Arc::new(Person::new("ada", tokens))),
        cluster,
        verb: "delete",
        resource: [String::new(), "v1".to_owned(), plural.to_owned()],
        namespace: Some("team-a".to_owned()),
        name: Some("web".to_owned()),
        subresource: "",
        summary: json!({"propagation": "Background"}),
        dry_run: false,
    }
}

#[test]
fn every_deed_is_one_line_with_who_as_whom_what_and_the_result() {
    let path = folder("lines").join("audit.log");
    let audit = Audit::default();
    audit.begin(AuditTo::File(path.clone()), false).unwrap();
    audit.record(deed("pods")).unwrap().done(None);
    let refused = ClusterError::Forbidden { message: "pods is forbidden".to_owned() };
    audit.record(deed("pods")).unwrap().failed(&refused);
    // A browser that goes away takes the answer with it, not the record.
    drop(audit.record(deed("pods")).unwrap());
    let lines = lines(&path);
    let outcomes: Vec<_> = lines.iter().map(|line| line["result"]["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["done", "refused", "unknown"]);
    assert_eq!((&lines[1]["result"]["code"], &lines[1]["result"]["reason"]), (&json!(403), &json!("Forbidden")));
    assert_eq!((&lines[0]["who"]["name"], &lines[0]["name"]), (&json!("ada"), &json!("web")));
    assert!(lines[0]["as"]["fingerprint"].as_str().unwrap().starts_with("sha256:"));
    assert_ne!(lines[0]["request"], lines[1]["request"]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("t0p-s3cret"), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn words_of_an_error_about_a_secret_are_left_out() {
    let path = folder("secret").join("audit.log");
    let audit = Audit::default();
    audit.begin(AuditTo::File(path.clone()), false).unwrap();
    let echo = ClusterError::Other {
        request: "PUT".to_owned(),
        code: 422,
        retry_after: None,
        message: "data[key]: Invalid value: \"hunter2\"".to_owned(),
    };
    audit.record(deed("secrets")).unwrap().failed(&echo);
    audit.record(deed("pods")).unwrap().failed(&echo);
    let lines = lines(&path);
    assert!(!lines[0].to_string().contains("hunter2") && lines[0]["result"]["code"] == 422, "{}", lines[0]);
    assert!(lines[1]["result"]["message"].as_str().unwrap().contains("Invalid value"));
}

#[test]
fn a_log_that_is_moved_away_goes_on_in_a_new_file() {
    let folder = folder("moved");
    let path = folder.join("audit.log");
    let audit = Audit::default();
    audit.begin(AuditTo::File(path.clone()), false).unwrap();
    audit.record(deed("pods")).unwrap().done(None);
    std::fs::rename(&path, folder.join("audit.log.1")).unwrap();
    audit.record(deed("pods")).unwrap().done(None);
    assert_eq!((lines(&path).len(), lines(&folder.join("audit.log.1")).len()), (1, 1));
}

#[test]
fn what_cannot_be_recorded_is_refused_and_nothing_recorded_is_lost() {
    let folder = folder("gone");
    let path = folder.join("below").join("audit.log");
    let audit = Audit::default();
    assert!(audit.begin(AuditTo::File(path.clone()), false).is_err(), "it says so at once");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    audit.begin(AuditTo::File(path.clone()), false).unwrap();
    let under_way = audit.record(deed("pods")).unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    under_way.done(None);
    let refused = audit.record(deed("pods")).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    assert!(!refused.message.contains("below"), "where it stands is not for everybody: {refused}");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    audit.record(deed("pods")).unwrap().done(None);
    assert_eq!(lines(&path).len(), 2, "the one that waited, and the new one");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_refuses_from_the_start() {
    assert!(Audit::default().begin(AuditTo::File("/dev/full".into()), false).is_err());
}

#[test]
fn a_line_that_was_cut_off_spoils_no_other() {
    /// Takes so many bytes, then no more.
    struct Small(Vec<u8>, usize);
    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let room = self.1.saturating_sub(self.0.len()).min(bytes.len());
            self.0.extend_from_slice(&bytes[..room]);
            if room == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(room) }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut backlog = Backlog { lines: vec!["{\"a\":1}\n".to_owned(), "{\"b\":2}\n".to_owned()], torn: false };
    let mut disk = Small(Vec::new(), 10);
    assert!(backlog.flush(&mut disk).is_err());
    disk.1 = 1000;
    backlog.flush(&mut disk).unwrap();
    assert_eq!(String::from_utf8(disk.0).unwrap(), "{\"a\":1}\n{\"\n{\"b\":2}\n");
}
