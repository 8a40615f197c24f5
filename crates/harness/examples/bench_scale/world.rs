//! The cluster that is measured against: a real control plane, whose data may be kept, or the embedded one.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use pilothouse_harness::{Api, Embedded, Options as Plane, RealControlPlane};
use serde_json::{Value, json};

use crate::console::CONTEXT;
use crate::load;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::population::Population;

/// Changes whenever the generator makes other objects, so that an old load is not taken for a new one.
const EDITION: u64 = 2;

/// A running cluster with the load in it.
pub(crate) struct World {
    pub(crate) population: Population,
    plane: Control,
}

enum Control {
    Real(Box<RealControlPlane>),
    Embedded(Box<Embedded>),
}

impl World {
    pub(crate) async fn start(options: &Options) -> Outcome<Self> {
        let kept = options.keep.as_deref().and_then(|folder| stamp(folder, options));
        let now = match &kept {
            Some(kept) => kept["now"].as_str().ok_or("the stamp of the kept load has no time")?.parse()?,
            None => Timestamp::now(),
        };
        let population = Population { seed: options.seed, pods: options.pods, now };
        let plane = if options.embedded {
            Control::Embedded(Box::new(Embedded::start().await))
        } else {
            let data = options.keep.as_ref().map(|folder| folder.join("etcd"));
            if let (Some(data), None) = (&data, &kept)
                && data.exists()
            {
                return Err(format!("{} holds another load or half of one; remove it first", data.display()).into());
            }
            // Events must outlive the loading; the rest is what large clusters set.
            let flags = ["--event-ttl=2160h", "--profiling=false"];
            let flags = flags.map(str::to_owned).to_vec();
            let plane = Plane { data, people: options.people, flags, ..Plane::default() };
            Control::Real(Box::new(RealControlPlane::start(plane).await))
        };
        let world = Self { population, plane };
        if kept.is_some() && !options.embedded {
            println!("  the load of an earlier run is in place");
            return Ok(world);
        }
        load::fill(world.admin(), &world.population).await?;
        if let Some(folder) = options.keep.as_ref().filter(|_| !options.embedded) {
            std::fs::write(stamp_path(folder), stamped(options, now).to_string())?;
        }
        Ok(world)
    }

    pub(crate) fn admin(&self) -> &Api {
        match &self.plane {
            Control::Real(plane) => plane.admin(),
            Control::Embedded(cluster) => cluster.admin(),
        }
    }

    /// The kubeconfig and the token of somebody, under the context's usual name; `None` where nobody has tokens.
    pub(crate) fn credential(&self, user: &str) -> Option<(PathBuf, String)> {
        let Control::Real(plane) = &self.plane else { return None };
        let credential = plane.api(user).credential().clone();
        let folder = plane.folder().join(user);
        std::fs::create_dir_all(&folder).ok()?;
        Some((credential.write(&folder, CONTEXT), credential.token))
    }

    /// A kubeconfig of the administrator, whose context has the same name on either cluster.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.admin().credential().write(self.folder(), CONTEXT)
    }

    /// Where etcd answers, if there is one.
    pub(crate) fn etcd(&self) -> Option<&str> {
        match &self.plane {
            Control::Real(plane) => Some(plane.etcd()),
            Control::Embedded(_) => None,
        }
    }

    /// The programs that serve the cluster; the embedded one runs in this program.
    pub(crate) fn programs(&self) -> Vec<(String, u32)> {
        match &self.plane {
            Control::Real(plane) => plane.programs(),
            Control::Embedded(_) => vec![("this program with the embedded cluster".to_owned(), std::process::id())],
        }
    }

    /// A folder for logs.
    pub(crate) fn folder(&self) -> &Path {
        match &self.plane {
            Control::Real(plane) => plane.folder(),
            Control::Embedded(cluster) => cluster.folder(),
        }
    }
}

fn stamp_path(folder: &Path) -> PathBuf {
    folder.join("load.json")
}

fn stamped(options: &Options, now: Timestamp) -> Value {
    json!({"pods": options.pods, "seed": options.seed, "edition": EDITION, "now": now.to_string()})
}

/// What is known of a load kept in `folder`, when it is complete and the one that is wanted.
fn stamp(folder: &Path, options: &Options) -> Option<Value> {
    let text = std::fs::read_to_string(stamp_path(folder)).ok()?;
    let stamp: Value = serde_json::from_str(&text).ok()?;
    let wanted = stamped(options, Timestamp::UNIX_EPOCH);
    ["pods", "seed", "edition"].iter().all(|field| stamp[field] == wanted[field]).then_some(stamp)
}
