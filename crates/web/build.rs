//! Builds the assets: npm packages when the lock file changed, then style, icons and script with esbuild.
//!
//! Cargo runs this only when a source changed or the output is gone; a second fingerprint of the sources spares esbuild
//! when another profile built the same assets already.

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Source name in the manifest, and the environment variable that tells the crate the built name.
const BUILT: [(&str, &str); 4] = [
    ("main.ts", "PILOTHOUSE_SCRIPT"),
    ("main.css", "PILOTHOUSE_STYLE"),
    ("icons.svg", "PILOTHOUSE_ICONS"),
    ("logo.svg", "PILOTHOUSE_LOGO"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let assets = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("assets");
    for input in ["src", "package.json", "package-lock.json", "build.mjs", ".npmrc", "dist/manifest.json"] {
        println!("cargo:rerun-if-changed=assets/{input}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    install(&assets)?;
    bundle(&assets)?;
    let manifest = fs::read_to_string(assets.join("dist/manifest.json"))?;
    for (source, variable) in BUILT {
        let built =
            entry(&manifest, source).ok_or_else(|| format!("assets/dist/manifest.json does not name {source}"))?;
        println!("cargo:rustc-env={variable}={built}");
    }
    Ok(())
}

/// Installs the npm packages unless those of this lock file are there.
fn install(assets: &Path) -> Result<(), Box<dyn Error>> {
    let lock = fs::read_to_string(assets.join("package-lock.json"))?;
    let stamp = assets.join("node_modules/.pilothouse-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    run(assets, npm, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])?;
    fs::write(stamp, lock)?;
    Ok(())
}

/// Runs esbuild unless the output was made from these very sources.
fn bundle(assets: &Path) -> Result<(), Box<dyn Error>> {
    let mut sources = vec![assets.join("package-lock.json"), assets.join("build.mjs")];
    collect(&assets.join("src"), &mut sources)?;
    sources.sort();
    let mut hasher = DefaultHasher::new();
    for source in &sources {
        source.strip_prefix(assets)?.hash(&mut hasher);
        fs::read(source)?.hash(&mut hasher);
    }
    let fingerprint = format!("{:016x}", hasher.finish());
    let stamp = assets.join("dist/.fingerprint");
    let manifest = assets.join("dist/manifest.json");
    if manifest.exists() && fs::read_to_string(&stamp).is_ok_and(|built| built == fingerprint) {
        return Ok(());
    }
    run(assets, "node", &["build.mjs"])?;
    fs::write(stamp, fingerprint)?;
    // Cargo compares the manifest's age with the start of this run; an older one does not make it run again.
    fs::File::options().write(true).open(manifest)?.set_modified(SystemTime::UNIX_EPOCH)?;
    Ok(())
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}

fn run(assets: &Path, program: &str, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let line = format!("{program} {}", arguments.join(" "));
    let output = Command::new(program).args(arguments).current_dir(assets).output().map_err(|error| {
        format!("`{line}` does not start ({error}): building the console's assets needs Node.js 20 or newer with npm")
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "`{line}` failed in {}:\n{}{}",
        assets.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

/// The value of one key in the flat JSON object that build.mjs writes, one entry a line.
fn entry<'a>(manifest: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = manifest.split_once(&format!("\"{key}\": \""))?;
    Some(rest.split_once('"')?.0)
}
