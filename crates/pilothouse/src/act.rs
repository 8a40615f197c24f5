//! `pilothouse delete`, `scale` and `rollout restart`: kubectl's words, flags and exit codes.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_app::{Catalog, Choice, Cluster, Deletion, Done, ErrorKind, Propagation, Target};
use pilothouse_model::Resource;

use crate::arguments::ClusterArguments;
use crate::arguments::act::{
    Cascade, ChangeArguments, DeleteArguments, DryRun, RestartArguments, RolloutArguments, ScaleArguments,
};
use crate::ask::{PATIENCE, cluster, kind_and_name, one_by_one};
use crate::failure::Failure;
use crate::output::qualified;
use crate::plain::{plain, say};

/// How often it is looked whether a deleted object is gone.
const LOOK: Duration = Duration::from_millis(500);

/// Deletes objects.
pub(crate) async fn delete(arguments: &ClusterArguments, options: &DeleteArguments) -> Result<(), Failure> {
    refuse_many(arguments, options)?;
    let grace = grace(options)?;
    let (cluster, targets) = targets(arguments, &options.change, &options.objects).await?;
    let deletion = Deletion {
        propagation: Some(match options.cascade {
            Cascade::Background => Propagation::Background,
            Cascade::Foreground => Propagation::Foreground,
            Cascade::Orphan => Propagation::Orphan,
        }),
        grace,
        dry_run: options.change.dry_run == DryRun::Server,
        ..Deletion::default()
    };
    if options.force {
        say(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.",
        );
    }
    let mut failures = Vec::new();
    let mut going = Vec::new();
    for target in targets {
        match cluster.delete(&target, &deletion).await {
            Ok(done) => {
                tell(&options.change, &target, if options.force { "force deleted" } else { "deleted" }, true)?;
                going.extend(uid(&done).map(|uid| (target, uid)));
            }
            Err(error) if options.ignore_not_found && error.kind == ErrorKind::NotFound => {}
            Err(error) => failures.push(Failure::App(error)),
        }
    }
    if options.wait && !deletion.dry_run {
        for (target, uid) in going {
            failures.extend(gone(&cluster, &target, &uid).await.err());
        }
    }
    several(failures)
}

/// Objects are deleted by their names: who means many sees first which they are, in the same cluster.
fn refuse_many(arguments: &ClusterArguments, options: &DeleteArguments) -> Result<(), Failure> {
    let (flag, which) = match (&options.selector, options.all) {
        (Some(selector), _) => ("-l", format!(" -l {}", quoted(selector))),
        (None, true) => ("--all", String::new()),
        (None, false) => return Ok(()),
    };
    let kind = options.objects.first().and_then(|text| text.split('/').next()).unwrap_or_default();
    let flags = [
        ("--kubeconfig", arguments.kubeconfig.as_ref().map(|path| path.display().to_string())),
        ("--context", arguments.context.clone()),
        ("-n", options.change.namespace.clone()),
    ];
    let given = flags.into_iter().filter_map(|(flag, value)| Some(format!(" {flag} {}", quoted(&value?))));
    let here: String = given.collect();
    Err(Failure::Other(format!(
        "objects are deleted by name, not by {flag}: look which there are, then pass their names on, as in \
         pilothouse get {}{which}{here} -o name | xargs pilothouse delete{here}",
        quoted(kind)
    )))
}

/// A word as shells read it.
fn quoted(word: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || "._-=/,".contains(character);
    if !word.is_empty() && word.chars().all(bare) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

fn grace(options: &DeleteArguments) -> Result<Option<u32>, Failure> {
    let given = u32::try_from(options.grace_period).ok();
    match (given, options.now, options.force) {
        (Some(_), true, _) => Err(Failure::Other("--now and --grace-period cannot be specified together".to_owned())),
        (Some(0), _, false) => Ok(Some(1)),
        (Some(seconds), ..) => Ok(Some(seconds)),
        (None, true, _) => Ok(Some(1)),
        (None, _, true) => Ok(Some(0)),
        (None, ..) => Ok(None),
    }
}

/// The unique id of what was deleted, wherever the API server says it.
fn uid(done: &Done) -> Option<String> {
    let uid = ["/metadata/uid", "/details/uid"].iter().find_map(|at| done.answer.pointer(at)?.as_str());
    uid.map(str::to_owned)
}

/// Waits until the object is gone: nothing of its name is there, or something else.
async fn gone(cluster: &Cluster, target: &Target, uid: &str) -> Result<(), Failure> {
    loop {
        match cluster.read_own(target).await {
            Ok(object) if object.uid() == uid => tokio::time::sleep(LOOK).await,
            Ok(_) => return Ok(()),
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            // Who may delete but not read has waited long enough.
            Err(error) if error.kind == ErrorKind::Forbidden => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Scales objects.
pub(crate) async fn scale(arguments: &ClusterArguments, options: &ScaleArguments) -> Result<(), Failure> {
    if options.replicas < 0 {
        return Err(Failure::Other(
            "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0".to_owned(),
        ));
    }
    let (cluster, targets) = targets(arguments, &options.change, &options.objects).await?;
    each(&cluster, targets, ("scale", "scaled"), (Some(options.replicas), &options.change)).await
}

/// Restarts what runs.
pub(crate) async fn rollout(arguments: &ClusterArguments, options: &RolloutArguments) -> Result<(), Failure> {
    let RolloutArguments::Restart(RestartArguments { objects, change }) = options;
    let (cluster, targets) = targets(arguments, change, objects).await?;
    each(&cluster, targets, ("restart", "restarted"), (None, change)).await
}

/// Does one action with every target.
async fn each(
    cluster: &Cluster,
    targets: Vec<Target>,
    (id, done): (&str, &str),
    (number, change): (Option<i64>, &ChangeArguments),
) -> Result<(), Failure> {
    let choice = Choice { number, dry_run: change.dry_run == DryRun::Server, ..Choice::default() };
    let mut failures = Vec::new();
    for target in targets {
        match cluster.act(&target, id, &choice).await {
            Ok(_) => tell(change, &target, done, false)?,
            Err(error) => failures.push(Failure::App(error)),
        }
    }
    several(failures)
}

/// What is to be changed: `KIND NAME...` or `KIND/NAME...`.
async fn targets(
    arguments: &ClusterArguments,
    change: &ChangeArguments,
    objects: &[String],
) -> Result<(Cluster, Vec<Target>), Failure> {
    let named = named(objects)?;
    let cluster = cluster(arguments)?;
    let catalog = cluster.wait_catalog(PATIENCE).await?;
    let namespace = change.namespace.as_deref().unwrap_or_else(|| cluster.default_namespace());
    let target = |(kind, name): &(&str, &str)| found(&catalog, kind, namespace, name);
    let targets = named.iter().map(target).collect::<Result<_, _>>()?;
    Ok((cluster, targets))
}

fn found(catalog: &Catalog, kind: &str, namespace: &str, name: &str) -> Result<Target, Failure> {
    let resource: Arc<Resource> = catalog.find(kind)?;
    let namespace = resource.namespaced.then_some(namespace);
    Ok(Target::new(&resource, namespace, name))
}

fn named(objects: &[String]) -> Result<Vec<(&str, &str)>, Failure> {
    let mixed = || Failure::Other("write KIND NAME..., or KIND/NAME for each".to_owned());
    let read: Vec<_> = objects.iter().map(|text| kind_and_name(text)).collect::<Result<_, _>>()?;
    if read.iter().all(|(_, name)| name.is_some()) {
        return Ok(read.into_iter().filter_map(|(kind, name)| Some((kind, name?))).collect());
    }
    match read.as_slice() {
        [(kind, None), names @ ..] if !names.is_empty() && names.iter().all(|(_, name)| name.is_none()) => {
            if kind.contains(',') {
                let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
                return Err(one_by_one(kind, &names));
            }
            Ok(names.iter().map(|(name, _)| (*kind, *name)).collect())
        }
        [(_, None)] => Err(Failure::Other("resource(s) were provided, but no name was specified".to_owned())),
        _ => Err(mixed()),
    }
}

/// Tells what was done, as kubectl does: `pod "web" deleted`, `deployment.apps/web scaled`.
fn tell(change: &ChangeArguments, target: &Target, done: &str, quoted: bool) -> Result<(), Failure> {
    let kind = qualified(&target.resource);
    let line = match change.output {
        Some(_) => format!("{kind}/{}", target.name),
        None => {
            let tried = if change.dry_run == DryRun::Server { " (server dry run)" } else { "" };
            let object = if quoted { format!("{kind} \"{}\"", target.name) } else { format!("{kind}/{}", target.name) };
            format!("{object} {done}{tried}")
        }
    };
    writeln!(std::io::stdout().lock(), "{}", plain(&line))?;
    Ok(())
}

fn several(failures: Vec<Failure>) -> Result<(), Failure> {
    if failures.is_empty() { Ok(()) } else { Err(Failure::Several(failures)) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    #[test]
    fn objects_are_named_as_kubectl_has_them_named() {
        let read = |texts: &[&str]| {
            let owned: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            named(&owned)
                .map(|named| named.iter().map(|(kind, name)| format!("{kind}/{name}")).collect::<Vec<_>>())
                .ok()
        };
        assert_eq!(read(&["pod", "a", "b"]).unwrap(), ["pod/a", "pod/b"]);
        assert_eq!(read(&["pod/a", "job/b"]).unwrap(), ["pod/a", "job/b"]);
        for wrong in [&["pod"][..], &["pod/a", "b"], &["pod", "a/b"], &["pod/"], &["pod,svc", "x"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn many_are_not_deleted_unnamed() {
        let said = |line: &str| {
            let read = Arguments::try_parse_from(line.split(' ')).unwrap();
            let Command::Delete(options) = read.command else { panic!("not delete") };
            match refuse_many(&read.cluster, &options) {
                Err(Failure::Other(why)) => Some(why),
                Ok(()) => None,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(said("pilothouse delete pod web -n a"), None);
        let all = said("pilothouse delete pods --all -n a").unwrap();
        assert!(
            all.ends_with("not by --all: look which there are, then pass their names on, as in pilothouse get pods -n a -o name | xargs pilothouse delete -n a"),
            "{all}"
        );
        let selected = said("pilothouse delete jobs -l app!=x").unwrap();
        assert!(selected.contains("get jobs -l 'app!=x' -o name | xargs pilothouse delete"), "{selected}");
        let elsewhere = said("pilothouse delete jobs --all --context a*b --kubeconfig f").unwrap();
        let here = "--kubeconfig f --context 'a*b'";
        let both = format!("get jobs {here} -o name | xargs pilothouse delete {here}");
        assert!(elsewhere.ends_with(&both), "names of one cluster are not deleted in another: {elsewhere}");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a'b"), "'a'\\''b'");
    }
}
