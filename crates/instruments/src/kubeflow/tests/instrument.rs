//! What holds for every kind at once: the table of families, the places, the detection by resource.

use std::collections::BTreeSet;

use super::malformed::SAMPLES;
use super::*;

fn all_served(_: GroupResource<'_>) -> bool {
    true
}

/// The resource and the query of every listing on a page.
fn listings(page: &Page) -> Vec<(Option<(&str, &str)>, &str)> {
    let listings = page.sections.iter().filter_map(|section| match section {
        Section::Listing { resource, query, .. } => {
            Some((resource.as_ref().map(|(group, plural)| (group.as_str(), plural.as_str())), query.as_str()))
        }
        _ => None,
    });
    listings.collect()
}

#[test]
fn the_manifest_and_the_families_are_the_same_list() {
    let manifest: Vec<_> = Kubeflow.manifest().resources.to_vec();
    let families: Vec<_> = FAMILIES.iter().map(|(resource, _, _)| *resource).collect();
    assert_eq!(manifest, families);
}

#[test]
fn detection_goes_by_resource_never_by_group() {
    let mut stranger = resource_of(
        &Object::new(serde_json::json!({
        "apiVersion": "kubeflow.org/v1", "kind": "Notebook", "metadata": {"name": "x"}}))
        .unwrap(),
    );
    assert!(Kubeflow.columns(&stranger).is_some());
    stranger.plural = "viewers".into();
    assert!(Kubeflow.columns(&stranger).is_none(), "kubeflow.org alone says nothing");
    let other = Object::new(serde_json::json!({
        "apiVersion": "example.org/v1", "kind": "Notebook", "metadata": {"name": "x"}}))
    .unwrap();
    assert!(Kubeflow.links(&other).is_empty());
    assert!(!Kubeflow.runs(GroupResource::new("kubeflow.org", "viewers")));
}

#[test]
fn every_sample_has_a_cell_for_each_column_and_a_status() {
    let folder = Folder::new(SAMPLES);
    let mut seen = BTreeSet::new();
    for (resource, kind, _) in &FAMILIES {
        let object = folder.object(kind, "it");
        let columns = Kubeflow.columns(&resource_of(&object)).unwrap();
        let projection = Kubeflow.project(&resource_of(&object), &object);
        assert_eq!(columns.len(), projection.cells.len(), "{kind}");
        assert!(projection.cells.iter().any(|cell| !matches!(cell, Cell::Missing)), "{kind}");
        let ids: BTreeSet<_> = columns.iter().map(|column| column.id.clone()).collect();
        assert_eq!(ids.len(), columns.len(), "{kind} has two columns of one name");
        assert_eq!(Kubeflow.runs(*resource), Kubeflow.workload(&object, &folder).is_some(), "{kind}");
        seen.insert(*kind);
    }
    assert_eq!(seen.len(), FAMILIES.len());
}

#[test]
fn what_is_being_deleted_stops_unless_it_was_over() {
    let folder = Folder::new(SAMPLES);
    for (_, kind, family) in FAMILIES.iter().filter(|(_, _, family)| family.runs()) {
        let mut value = folder.object(kind, "it").value().clone();
        value["metadata"]["deletionTimestamp"] = "2026-01-02T00:00:00Z".into();
        value["status"] = serde_json::json!({});
        let object = Object::new(value).unwrap();
        let projection = Kubeflow.project(&resource_of(&object), &object);
        assert_eq!((&*projection.status.word, &projection.cells[0]), ("Stopping", &Cell::text("Stopping")), "{kind}");
        assert_eq!(family.columns()[0].kind, ColumnKind::Status, "{kind}");
        let workload = Kubeflow.workload(&object, &folder).unwrap();
        assert_eq!((workload.state, workload.reason.as_str()), (State::Stopping, "Terminating"), "{kind}");
    }
    let over = "deletionTimestamp: '2026-01-02T00:00:00Z'";
    let over = it("argoproj.io/v1alpha1", "Workflow", over, "status: {phase: Succeeded}");
    assert_eq!(Case::new(&over).says().0, State::Succeeded);
}

#[test]
fn a_place_lists_only_what_is_served() {
    let only = |resource: GroupResource<'_>| resource.plural == "notebooks" || resource.plural == "trainjobs";
    for place in Kubeflow.manifest().places {
        let page = Kubeflow.page(place.id, &only).expect("every place has a page");
        for (resource, query) in listings(&page) {
            match resource {
                Some((group, plural)) => assert!(only(GroupResource { group, plural }), "{}: {plural}", place.id),
                None => assert!(query.starts_with("kind:Notebook,TrainJob "), "{query}"),
            }
        }
    }
    assert_eq!(Kubeflow.page("nowhere", &all_served), None);
}

#[test]
fn every_resource_is_listed_at_one_place() {
    let mut listed: Vec<_> = Vec::new();
    for place in Kubeflow.manifest().places {
        let page = Kubeflow.page(place.id, &all_served).unwrap();
        let here = listings(&page).into_iter().filter_map(|(resource, _)| resource);
        listed.extend(here.map(|(group, plural)| format!("{plural}.{group}")));
        assert!(!page.title.is_empty() && !page.sections.is_empty(), "{}", place.id);
    }
    listed.sort_unstable();
    let mut known: Vec<_> = FAMILIES.iter().map(|(resource, _, _)| resource.to_string()).collect();
    known.sort_unstable();
    assert_eq!(listed, known);
}

#[test]
fn the_overview_leaves_no_workload_out() {
    // Spark too: an overview that leaves one kind out is wrong about all of them.
    let page = Kubeflow.page("", &all_served).unwrap();
    for (resource, kind, _) in &FAMILIES {
        for (_, query) in listings(&page) {
            let kinds = query.strip_prefix("kind:").and_then(|rest| rest.split(' ').next()).unwrap();
            assert_eq!(kinds.split(',').any(|listed| listed == *kind), Kubeflow.runs(*resource), "{kind} in {query}");
        }
    }
    let queries: Vec<_> = listings(&page).into_iter().map(|(_, query)| query.split_once(' ').unwrap().1).collect();
    assert_eq!(queries, ["level:error,warning,unknown", "is:active", "state:succeeded,canceled"]);
    for state in State::ALL {
        let (levels, ended) = (queries[0], queries[2]);
        let word = state.as_str().to_lowercase();
        let shown = levels.contains(state.level().as_str()) || state.is_active() || ended.contains(&word);
        assert_eq!(shown, !matches!(state, State::Suspended | State::Stopped), "only what is off on purpose: {state}");
    }
}

#[test]
fn an_overview_of_nothing_served_lists_nothing() {
    let page = Kubeflow.page("", &|_| false).unwrap();
    assert_eq!(page.sections, Vec::new());
}

#[test]
fn links_are_what_the_pods_are_found_by() {
    let keys = [
        ("Notebook", "notebook-name"),
        ("TrainJob", "jobset.sigs.k8s.io/jobset-name"),
        ("JobSet", "jobset.sigs.k8s.io/jobset-name"),
        ("PyTorchJob", "training.kubeflow.org/job-name"),
        ("Trial", "katib.kubeflow.org/trial"),
        ("Workflow", "workflows.argoproj.io/workflow"),
        ("SparkApplication", "sparkoperator.k8s.io/app-name"),
        ("InferenceService", "serving.kserve.io/inferenceservice"),
    ];
    let folder = Folder::new(SAMPLES);
    for (kind, expected) in keys {
        let object = folder.object(kind, "it");
        let links = Kubeflow.links(&object);
        let pods = links.iter().find(|link| link.relation == "pods").map(|link| &link.target);
        let Some(LinkTarget::Labelled { resource, key, value, namespace }) = pods else { panic!("{kind}: {pods:?}") };
        assert_eq!((resource.plural, key.as_str(), value.as_str(), namespace.as_str()), ("pods", expected, "it", "ns"));
        let wanted = format!("label:{expected}=it ns:ns");
        let sections = Kubeflow.sections(&object, &folder);
        let shown =
            sections.iter().any(|section| matches!(section, Section::Listing { query, .. } if *query == wanted));
        assert!(shown, "{kind} shows its pods");
    }
}

#[test]
fn what_the_definition_prints_more_stands_in_the_wide_view() {
    let object = Object::new(serde_json::json!({
        "apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": "x"},
        "spec": {"suspend": false}, "status": {"terminalState": "Completed", "restarts": 2},
    }))
    .unwrap();
    let mut resource = resource_of(&object);
    let plain = Kubeflow.columns(&resource).unwrap();
    let printed = |name: &str, path: &str| PrinterColumn {
        name: name.to_owned(),
        kind: "string".to_owned(),
        format: String::new(),
        description: String::new(),
        priority: 0,
        json_path: path.to_owned(),
    };
    resource.printer_columns = Some(vec![
        printed("TerminalState", ".status.terminalState"),
        printed("Restarts", ".status.restarts"),
        printed("Status", ".status.terminalState"),
        printed("Suspended", ".spec.suspend"),
        printed("suspended", ".spec.nothing"),
        printed("Age", ".metadata.creationTimestamp"),
    ]);
    let columns = Kubeflow.columns(&resource).unwrap();
    assert_eq!(columns[..plain.len()], plain[..]);
    let more: Vec<_> = columns[plain.len()..].iter().map(|column| (&*column.id, column.wide)).collect();
    assert_eq!(more, [("terminalstate", true), ("suspended", true)]);
    let cells = Kubeflow.project(&resource, &object).cells;
    assert_eq!(cells[plain.len()..], [Cell::text("Completed"), Cell::text("false")]);
}
