//! The architecture, as a test: who may depend on whom, who may host what, and how files begin.
#![expect(clippy::expect_used, reason = "a test fails loudly when the repository is not as it should be")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use pilothouse_harness::places::repository;

/// Every crate and its floor. A crate depends only on lower floors, never on its own.
const FLOORS: [(&str, u8); 11] = [
    ("pilothouse-model", 0),
    ("pilothouse-columns", 1),
    ("pilothouse-query", 2),
    ("pilothouse-store", 2),
    ("pilothouse-cluster", 2),
    ("pilothouse-instruments", 2),
    ("pilothouse-drydock", 2),
    ("pilothouse-app", 3),
    ("pilothouse-web", 4),
    ("pilothouse", 5),
    // Tests only: it may look into every room, and no room may look at it but a test.
    ("pilothouse-harness", u8::MAX),
];

/// Heavy dependencies and the crates that may host them. Dependencies of tests are free.
const HOSTS: [(&str, &[&str]); 10] = [
    ("kube", &["pilothouse-cluster", "pilothouse-harness"]),
    ("k8s-openapi", &["pilothouse-cluster", "pilothouse-harness"]),
    ("axum", &["pilothouse-web", "pilothouse-drydock"]),
    ("maud", &["pilothouse-web"]),
    ("utoipa", &["pilothouse-web"]),
    ("clap", &["pilothouse"]),
    ("rcgen", &["pilothouse-drydock", "pilothouse-harness"]),
    ("openidconnect", &["pilothouse-web"]),
    // In web for the issuers that people sign in with, and for nothing else.
    ("reqwest", &["pilothouse-drydock", "pilothouse-harness", "pilothouse-web"]),
    ("zstd", &["pilothouse-store"]),
];

/// Rooms that are pure: no I/O, no tasks.
const PURE: [&str; 5] =
    ["pilothouse-model", "pilothouse-columns", "pilothouse-query", "pilothouse-store", "pilothouse-instruments"];

/// What a pure room must not depend on.
const IMPURE: [&str; 7] = ["tokio", "tokio-util", "tokio-stream", "futures", "hyper", "http", "axum"];

fn metadata() -> Metadata {
    let manifest = repository().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().expect("cargo knows the workspace")
}

/// The names of what `package` depends on outside its tests.
fn dependencies(package: &Package) -> impl Iterator<Item = &str> {
    let real = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    real.map(|dependency| dependency.name.as_str())
}

#[test]
fn a_crate_depends_only_on_lower_floors() {
    let floors = BTreeMap::from(FLOORS);
    let mut wrong = Vec::new();
    for package in metadata().workspace_packages() {
        let Some(floor) = floors.get(package.name.as_str()) else {
            panic!("{} has no floor: give it one in this test and in ARCHITECTURE.md", package.name);
        };
        for dependency in dependencies(package) {
            if floors.get(dependency).is_some_and(|lower| lower >= floor) {
                wrong.push(format!("{} (floor {floor}) depends on {dependency}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_tests_depend_on_the_harness() {
    for package in metadata().workspace_packages() {
        assert!(!dependencies(package).any(|name| name == "pilothouse-harness"), "{} depends on it", package.name);
    }
}

#[test]
fn each_heavy_guest_has_its_host() {
    let mut wrong = Vec::new();
    for package in metadata().workspace_packages() {
        for dependency in dependencies(package) {
            let hosts = HOSTS.iter().find(|(guest, _)| *guest == dependency).map(|(_, hosts)| *hosts);
            if hosts.is_some_and(|hosts| !hosts.contains(&package.name.as_str())) {
                wrong.push(format!("{} depends on {dependency}", package.name));
            }
            if PURE.contains(&package.name.as_str()) && IMPURE.contains(&dependency) {
                wrong.push(format!("{} is pure but depends on {dependency}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_begin_with_what_they_are_and_modules_are_not_called_mod() {
    let mut wrong = Vec::new();
    for path in sources(&repository().join("crates")) {
        let text = std::fs::read_to_string(&path).expect("a source file is readable");
        if !text.starts_with("//! ") {
            wrong.push(format!("{} does not begin with `//! `", path.display()));
        }
        if path.file_name().is_some_and(|name| name == "mod.rs") {
            wrong.push(format!("{}: write `name.rs` beside the folder", path.display()));
        }
        if text.lines().count() > 500 {
            wrong.push(format!("{} has more than 500 lines: split it by responsibility", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_path_that_the_documents_name_exists() {
    let root = repository();
    let mut documents = vec![root.join("ARCHITECTURE.md"), root.join("CONTRIBUTING.md"), root.join("README.md")];
    documents.extend(files(&root.join("docs"), "md"));
    documents.retain(|path| path.exists());
    let mut wrong = Vec::new();
    for document in documents {
        let text = std::fs::read_to_string(&document).expect("a document is readable");
        for path in named_paths(&text) {
            if !root.join(path).exists() {
                wrong.push(format!("{} names {path}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The words in backticks that are paths of the repository: they begin with one of its folders.
#[test]
fn every_decision_has_a_number_of_its_own_and_begins_with_it() {
    let decisions = files(&repository().join("docs/decisions"), "md");
    let mut numbers: Vec<usize> = Vec::new();
    for path in &decisions {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.split('-').next().and_then(|number| number.parse().ok()).unwrap_or_default();
        let text = std::fs::read_to_string(path).expect("a decision is readable");
        assert!(text.starts_with(&format!("# {number}. ")), "{name} does not begin with its number");
        numbers.push(number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=decisions.len()).collect::<Vec<_>>());
}

fn named_paths(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        let first = ["crates/", "docs/", "scripts/", "tests/", ".ci/"].iter().any(|folder| word.starts_with(folder));
        first && !word.contains(|letter: char| letter.is_whitespace() || "*<{".contains(letter))
    };
    quoted.filter(is_path).collect()
}

#[test]
fn named_paths_are_found() {
    let text = "See `crates/model/src/lib.rs`, `make test` and `crates/*/src`; then `docs/guide`.";
    assert_eq!(named_paths(text), ["crates/model/src/lib.rs", "docs/guide"]);
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    files(folder, "rs")
}

/// The files below `folder` with this extension, without what npm and cargo make.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.expect("an entry is readable").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && !matches!(name, "node_modules" | "target" | "dist") {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
