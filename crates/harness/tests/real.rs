//! The console's engine on a real API server: what it shows of Kubeflow is what the controllers meant.
#![expect(clippy::expect_used, reason = "a test fails loudly when a program does not run")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use pilothouse_harness::samples::{self, NAMESPACE};
use pilothouse_harness::{Console, Options, RealControlPlane, crds, places};
use serde_json::Value;

/// Runs `pilothouse` with the words of `line`; gives exit code, output and errors.
fn pilothouse(kubeconfig: &Path, line: &str) -> (i32, String, String) {
    let mut command = Command::new(places::built("pilothouse"));
    command.args(line.split(' ')).env("KUBECONFIG", kubeconfig);
    let output = command.output().expect("pilothouse starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn json(kubeconfig: &Path, line: &str) -> Value {
    let (code, output, errors) = pilothouse(kubeconfig, line);
    assert_eq!(code, 0, "pilothouse {line}: {errors}");
    serde_json::from_str(&output).unwrap_or_else(|error| panic!("pilothouse {line}: {error} in {output}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_api_server() {
    let plane = RealControlPlane::start(Options::default()).await;
    crds::install(plane.admin(), &crds::kubeflow()).await;
    samples::create(plane.admin(), &samples::all()).await;
    let admin = plane.kubeconfig("admin");
    states(&admin);
    objects(&admin, &plane).await;
    errors(&plane);
    console(&admin).await;
}

/// Every sample is in the state that its controller meant.
fn states(admin: &Path) {
    let answer = json(admin, &format!("get workloads -n {NAMESPACE} -o json"));
    let rows = answer["rows"].as_array().expect("an answer has rows");
    let found: BTreeMap<String, String> = rows
        .iter()
        .map(|row| (format!("{}/{}", text(row, "kind"), text(row, "name")), text(row, "state").to_owned()))
        .collect();
    let wanted: BTreeMap<String, String> = samples::all()
        .iter()
        .map(|sample| (format!("{}/{}", sample.kind, sample.name), sample.state.to_owned()))
        .collect();
    assert_eq!(found, wanted);
    assert_eq!(answer["total"], wanted.len(), "the total is exact");
    let failed = json(admin, &format!("get workloads -n {NAMESPACE} -q state:failed -o json"));
    let expected = wanted.values().filter(|state| *state == "Failed").count();
    assert_eq!(failed["total"], expected, "{failed}");
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_else(|| panic!("a row has no {field}: {row}"))
}

/// Lists say what kubectl says: the same names in the same columns.
async fn objects(admin: &Path, plane: &RealControlPlane) {
    let (code, output, errors) = pilothouse(admin, &format!("get trainjobs -n {NAMESPACE} -o name"));
    assert_eq!(code, 0, "{errors}");
    let kubectl = places::kubectls().remove(0);
    let theirs = Command::new(kubectl)
        .args(["get", "trainjobs.trainer.kubeflow.org", "-n", NAMESPACE, "-o", "name"])
        .env("KUBECONFIG", plane.kubeconfig("admin"))
        .env("HOME", plane.folder())
        .output()
        .expect("kubectl starts");
    let theirs = String::from_utf8_lossy(&theirs.stdout).into_owned();
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&output), sorted(&theirs));
    let (code, output, errors) = pilothouse(admin, &format!("get notebook nb-running -n {NAMESPACE} -o yaml"));
    assert_eq!(code, 0, "{errors}");
    assert!(output.contains("registry.example/jupyter:1"), "{output}");
}

/// Errors say what, where and what next.
fn errors(plane: &RealControlPlane) {
    let admin = plane.kubeconfig("admin");
    let cases = [
        (admin.as_path(), "get wonders".to_owned(), "wonders"),
        (admin.as_path(), format!("get notebook none -n {NAMESPACE}"), "none"),
        (admin.as_path(), "get workloads -A -q colour:red".to_owned(), "colour"),
        (admin.as_path(), "get pods --context nowhere".to_owned(), "nowhere"),
        (Path::new("/nowhere/kubeconfig"), "get pods".to_owned(), "/nowhere/kubeconfig"),
    ];
    for (kubeconfig, line, word) in cases {
        let (code, output, errors) = pilothouse(kubeconfig, &line);
        assert_eq!(code, 1, "pilothouse {line}: {output}{errors}");
        assert!(errors.contains(word), "pilothouse {line}: {errors}");
    }
    let (code, _, errors) = pilothouse(&plane.kubeconfig("ben"), "get pods -n default");
    assert_eq!(code, 1, "{errors}");
    assert!(errors.to_lowercase().contains("forbidden") || errors.contains("may not"), "{errors}");
}

/// The web console on the same server: one line with the address to open, a session from its secret, nothing without.
async fn console(admin: &Path) {
    pilothouse_harness::api::install_cryptography();
    let console = Console::serve(admin);
    let lines = console.printed().lines().count();
    assert_eq!(lines, 1, "{}", console.printed());
    let origin = console.origin();
    let plain =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let opened = plain.get(console.url()).send().await.expect("an answer");
    let cookie = opened.headers().get("set-cookie").expect("the secret becomes a cookie").to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a cookie has a value").to_owned();
    let api = format!("{origin}/api/v1/clusters");
    let refused = plain.get(&api).send().await.expect("an answer").status();
    assert!(refused.is_client_error(), "without a session: {refused}");
    let request = |url: &str| plain.get(url).header("cookie", &cookie);
    let strange = request(&api).header("host", "elsewhere.example").send().await.expect("an answer").status();
    assert!(strange.is_client_error(), "another host: {strange}");
    let strange = request(&api).header("origin", "https://elsewhere.example").send().await.expect("an answer").status();
    assert!(strange.is_client_error(), "another origin: {strange}");
    let clusters: Value = request(&api).send().await.expect("an answer").json().await.expect("JSON");
    assert!(clusters.to_string().contains("admin"), "the context is called admin: {clusters}");
    let rows = format!("{api}/admin/workloads?namespace={NAMESPACE}&q=state:failed");
    let rows: Value = request(&rows).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(rows["complete"], true, "{rows}");
    assert!(rows["total"].as_u64().is_some_and(|total| total > 0), "{rows}");
}
