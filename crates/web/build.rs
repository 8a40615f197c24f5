//! Builds the assets: npm packages when the lock file changed, then style, icons and script with esbuild, into cargo's own
//! output folder, so that builds of several profiles never share files.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Source name in the manifest, and the prefix of the environment variables that tell the crate the built name and path.
const BUILT: [(&str, &str); 6] = [
    ("main.ts", "PILOTHOUSE_SCRIPT"),
    ("main.css", "PILOTHOUSE_STYLE"),
    ("terminal.ts", "PILOTHOUSE_TERMINAL_SCRIPT"),
    ("terminal.css", "PILOTHOUSE_TERMINAL_STYLE"),
    ("icons.svg", "PILOTHOUSE_ICONS"),
    ("logo.svg", "PILOTHOUSE_LOGO"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let assets = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("assets");
    let output = PathBuf::from(std::env::var("OUT_DIR")?).join("assets");
    for input in ["src", "package.json", "package-lock.json", "build.mjs", ".npmrc"] {
        println!("cargo:rerun-if-changed=assets/{input}");
    }
    println!("cargo:rerun-if-changed=build.rs");
    install(&assets)?;
    run(&assets, "node", &["build.mjs", &output.to_string_lossy()])?;
    let manifest = fs::read_to_string(output.join("manifest.json"))?;
    for (source, variable) in BUILT {
        let built =
            entry(&manifest, source).ok_or_else(|| format!("the manifest of the assets does not name {source}"))?;
        println!("cargo:rustc-env={variable}={built}");
        println!("cargo:rustc-env={variable}_PATH={}", output.join("files").join(built).display());
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
