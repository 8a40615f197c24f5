//! The commands, by what they are for. Each version of kubectl runs them in a namespace of its own.

use crate::shell::Shell;

const NAMESPACE: &str = "kubectl-test";

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: boats.kubectl.example
spec:
  group: kubectl.example
  scope: Namespaced
  names: {kind: Boat, listKind: BoatList, plural: boats, singular: boat, shortNames: [bt]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Captain, type: string, jsonPath: .spec.captain}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: A boat floats.
        properties:
          spec:
            type: object
            x-kubernetes-preserve-unknown-fields: true
            properties:
              captain: {type: string, description: Who commands it.}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"#;

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: main, image: registry.example/web:1}
"#;

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: runner, labels: {app: runner}}
spec:
  containers:
  - name: main
    image: registry.example/runner:1
    resources: {requests: {cpu: 100m, memory: 64Mi}}
"#;

/// Runs every command.
pub(crate) fn run(shell: &Shell) {
    shell.expect(shell.run(&format!("create namespace {NAMESPACE}")), &["namespace/kubectl-test created"]);
    discovery(shell);
    create_and_get(shell);
    change(shell);
    apply(shell);
    describe(shell);
    custom(shell);
    watch(shell);
    rights(shell);
    explain(shell);
    delete(shell);
}

fn here(line: &str) -> String {
    format!("-n {NAMESPACE} {line}")
}

fn discovery(shell: &Shell) {
    shell.expect(shell.run("version"), &["Server Version"]);
    shell.expect(shell.run("api-versions"), &["apps/v1", "v1"]);
    shell.expect(shell.run("api-resources"), &["deployments", "configmaps", "customresourcedefinitions"]);
    shell.expect(shell.run("api-resources --namespaced=false -o name"), &["nodes", "namespaces"]);
    shell.expect(shell.run("cluster-info"), &["is running at"]);
    shell.expect(shell.run("get --raw /readyz"), &["ok"]);
}

fn create_and_get(shell: &Shell) {
    let create = here("create configmap settings --from-literal=a=1 --from-literal=b=first");
    shell.expect(shell.run(&create), &["configmap/settings created"]);
    shell.expect_code(shell.run(&create), 1, &["already exists"]);
    shell.expect(shell.run(&here("get configmaps")), &["NAME", "DATA", "AGE", "settings"]);
    shell.expect(shell.run(&here("get cm settings -o yaml")), &["kind: ConfigMap", "b: first"]);
    shell.expect(shell.run(&here("get cm settings -o json")), &["\"kind\": \"ConfigMap\""]);
    shell.expect(shell.run(&here("get cm settings -o name")), &["configmap/settings"]);
    shell.expect(shell.run(&here("get cm settings -o 'jsonpath={.data.a}'")), &["1"]);
    shell.expect(shell.run(&here("get cm -o custom-columns=N:.metadata.name")), &["settings"]);
    shell.expect(shell.run(&here("get cm --sort-by=.metadata.name")), &["settings"]);
    shell.expect(shell.run("get cm -A --field-selector=metadata.name=settings"), &["NAMESPACE", NAMESPACE, "settings"]);
    shell.expect(shell.run(&here("get cm,secrets")), &["settings"]);
    shell.expect_code(
        shell.run(&here("get cm none")),
        1,
        &["Error from server (NotFound): configmaps \"none\" not found"],
    );
    shell.expect_code(shell.run("get wonders"), 1, &["the server doesn't have a resource type \"wonders\""]);
    shell.expect(shell.run(&here("get pods")), &["No resources found in kubectl-test namespace."]);
    shell.expect(shell.run(&here("create secret generic key --from-literal=word=open")), &["secret/key created"]);
    shell.expect(shell.run(&here("get secret key")), &["Opaque", "1"]);
    shell.expect(shell.run(&here("create serviceaccount worker")), &["serviceaccount/worker created"]);
    shell.expect(shell.run(&here("create quota small --hard=pods=10")), &["resourcequota/small created"]);
    shell.expect(shell.run(&here("create job once --image=registry.example/once:1")), &["job.batch/once created"]);
    shell.expect(shell.run(&here("get jobs")), &["COMPLETIONS", "once", "0/1"]);
    shell.expect(
        shell.run(&here("create cm rehearsed --from-literal=a=1 --dry-run=server")),
        &["created (server dry run)"],
    );
    shell.expect_code(shell.run(&here("get cm rehearsed")), 1, &["NotFound"]);
}

fn change(shell: &Shell) {
    shell.expect(shell.run(&here("label cm settings tier=one")), &["configmap/settings labeled"]);
    shell.expect(shell.run(&here("get cm -l tier=one --show-labels")), &["settings", "tier=one"]);
    shell.expect(shell.run(&here("get cm -L tier")), &["TIER", "one"]);
    shell.expect_code(shell.run(&here("label cm settings tier=two")), 1, &["already has a value"]);
    shell.expect(shell.run(&here("label cm settings tier-")), &["configmap/settings "]);
    shell.expect(shell.run(&here("annotate cm settings note=hello")), &["configmap/settings annotated"]);
    let merge = r#"patch cm settings --type=merge -p '{"data":{"a":"2"}}'"#;
    shell.expect(shell.run(&here(merge)), &["configmap/settings patched"]);
    shell.expect(shell.run(&here(merge)), &["configmap/settings patched (no change)"]);
    let json = r#"patch cm settings --type=json -p '[{"op":"add","path":"/data/c","value":"3"}]'"#;
    shell.expect(shell.run(&here(json)), &["configmap/settings patched"]);
    shell.expect(shell.run(&here("get cm settings -o 'jsonpath={.data}'")), &["\"a\":\"2\"", "\"c\":\"3\""]);
    shell.expect(shell.run(&here("edit cm settings")), &["configmap/settings edited"]);
    shell.expect(shell.run(&here("get cm settings -o 'jsonpath={.data.b}'")), &["second"]);
    let replaced = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {z: last}}";
    shell.expect(shell.feed(&here("replace -f -"), replaced), &["configmap/settings replaced"]);
}

fn apply(shell: &Shell) {
    shell.expect(shell.feed(&here("apply -f -"), DEPLOYMENT), &["deployment.apps/web created"]);
    shell.expect(shell.feed(&here("apply -f -"), DEPLOYMENT), &["deployment.apps/web unchanged"]);
    let changed = DEPLOYMENT.replace("web:1", "web:2");
    shell.expect(shell.feed(&here("diff -f -"), DEPLOYMENT), &[]);
    shell.expect_code(shell.feed(&here("diff -f -"), &changed), 1, &["web:2"]);
    shell.expect(shell.feed(&here("apply -f -"), &changed), &["deployment.apps/web configured"]);
    shell.expect(shell.run(&here("get deployments")), &["READY", "UP-TO-DATE", "AVAILABLE", "0/2"]);
    shell.expect(
        shell.run(&here("get deploy web -o wide")),
        &["CONTAINERS", "IMAGES", "registry.example/web:2", "app=web"],
    );
    let strategic = r#"patch deploy web -p '{"spec":{"template":{"spec":{"containers":[{"name":"main","image":"registry.example/web:3"}]}}}}'"#;
    shell.expect(shell.run(&here(strategic)), &["deployment.apps/web patched"]);
    shell.expect(shell.run(&here("set image deploy/web main=registry.example/web:4")), &["image updated"]);
    shell.expect(shell.run(&here("scale deploy web --replicas=3")), &["deployment.apps/web scaled"]);
    shell.expect(shell.run(&here("get deploy web -o 'jsonpath={.spec.replicas}'")), &["3"]);
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: applied}, data: {a: '1'}}";
    shell.expect(shell.feed(&here("apply --server-side -f -"), map), &["configmap/applied serverside-applied"]);
    shell.expect(shell.feed(&here("apply --server-side -f -"), map), &["configmap/applied serverside-applied"]);
    let other = map.replace("'1'", "'2'");
    let line = here("apply --server-side --field-manager=other -f -");
    shell.expect_code(shell.feed(&line, &other), 1, &["conflict"]);
    let line = here("apply --server-side --field-manager=other --force-conflicts -f -");
    shell.expect(shell.feed(&line, &other), &["configmap/applied serverside-applied"]);
}

fn describe(shell: &Shell) {
    shell.expect(shell.feed(&here("create -f -"), POD), &["pod/runner created"]);
    shell.expect(
        shell.run(&here("get pods -o wide")),
        &["READY", "STATUS", "RESTARTS", "NODE", "runner", "0/1", "Pending"],
    );
    shell.expect(
        shell.run(&here("describe pod runner")),
        &["Name:", "runner", "registry.example/runner:1", "cpu:", "Events:"],
    );
    shell.expect(shell.run(&here("describe deployment web")), &["Replicas:", "3 desired", "Pod Template:"]);
    shell.expect(shell.run(&here("describe cm settings")), &["last"]);
    shell.expect(shell.run(&format!("describe namespace {NAMESPACE}")), &["Status:", "Active", "small"]);
    shell.expect(shell.run(&here("describe job once")), &["Parallelism:", "registry.example/once:1"]);
    shell.expect(shell.run(&here("get all")), &["pod/runner", "deployment.apps/web", "job.batch/once"]);
    shell.expect(shell.run(&here("get events")), &[]);
}

fn custom(shell: &Shell) {
    shell.expect(shell.feed("apply -f -", DEFINITION), &["boats.kubectl.example created"]);
    let wait = "wait --for=condition=Established crd/boats.kubectl.example --timeout=20s";
    shell.expect(shell.run(wait), &["condition met"]);
    let boat = "{apiVersion: kubectl.example/v1, kind: Boat, metadata: {name: anna}, spec: {captain: Ada}}";
    // The server may need a moment before it serves what it has just accepted.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !shell.run(&here("get boats")).succeeded() && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    shell.expect(shell.feed(&here("apply -f -"), boat), &["boat.kubectl.example/anna created"]);
    shell.expect(shell.feed(&here("apply -f -"), boat), &["boat.kubectl.example/anna unchanged"]);
    let changed = boat.replace("Ada", "Ben");
    shell.expect(shell.feed(&here("apply -f -"), &changed), &["boat.kubectl.example/anna configured"]);
    shell.expect(shell.run(&here("get bt")), &["NAME", "CAPTAIN", "AGE", "anna", "Ben"]);
    shell.expect(shell.run(&here("get boats.kubectl.example anna -o yaml")), &["captain: Ben"]);
    shell.expect(shell.run(&here("describe boat anna")), &["Kind:", "Boat", "Captain:", "Ben"]);
    shell.expect(shell.run(&here(r#"patch boat anna --type=merge -p '{"spec":{"captain":"Cleo"}}'"#)), &["patched"]);
    shell.expect(shell.run(&here("label boat anna class=sloop")), &["labeled"]);
    shell.expect(shell.run(&here("delete boat anna")), &["boat.kubectl.example \"anna\" deleted"]);
    shell.expect(shell.run("delete crd boats.kubectl.example"), &["deleted"]);
}

fn watch(shell: &Shell) {
    let watching = shell.background(&here("get cm -w --no-headers -o name"));
    shell.wait_for(&watching, "configmap/settings");
    shell.expect(shell.run(&here("create cm seen --from-literal=a=1")), &["created"]);
    shell.wait_for(&watching, "configmap/seen");
    drop(watching);
    let waiting = shell.background(&here("wait --for=delete cm/seen --timeout=15s"));
    shell.expect(shell.run(&here("delete cm seen")), &["configmap \"seen\" deleted"]);
    shell.wait_for(&waiting, "");
}

fn rights(shell: &Shell) {
    shell.expect(shell.run("auth can-i list pods -A"), &["yes"]);
    shell.expect(shell.run("auth can-i '*' '*'"), &["yes"]);
    shell.expect_code(shell.visitor(&here("auth can-i list pods")), 1, &["no"]);
    shell.expect_code(
        shell.visitor(&here("get pods")),
        1,
        &["Error from server (Forbidden)", "cannot list resource \"pods\""],
    );
    shell.expect(shell.run(&here("create role looker --verb=get,list --resource=pods")), &["looker created"]);
    shell.expect(shell.run(&here("create rolebinding looker --role=looker --user=ben")), &["looker created"]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !shell.visitor(&here("auth can-i list pods")).succeeded() && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    shell.expect(shell.visitor(&here("auth can-i list pods")), &["yes"]);
    shell.expect(shell.visitor(&here("get pods")), &["runner"]);
    shell.expect(shell.visitor(&here("auth can-i --list")), &["pods", "[get list]"]);
    shell.expect_code(shell.run(&here("auth can-i list secrets --as=ben")), 1, &["no"]);
    shell.expect(shell.run(&here("auth can-i list pods --as=ben")), &["yes"]);
    shell.expect(shell.run(&here("describe rolebinding looker")), &["looker", "ben"]);
}

fn explain(shell: &Shell) {
    shell.expect(shell.run("explain pods"), &["KIND:", "Pod", "spec"]);
    shell.expect(shell.run("explain deployment.spec.replicas"), &["replicas"]);
}

fn delete(shell: &Shell) {
    shell.expect(shell.run(&here("delete pod runner --now")), &["pod \"runner\""]);
    shell.expect_code(shell.run(&here("delete cm none")), 1, &["NotFound"]);
    shell.expect(shell.run(&here("delete cm none --ignore-not-found")), &[]);
    shell.expect(shell.feed(&here("delete -f -"), DEPLOYMENT), &["deployment.apps \"web\" deleted"]);
    shell.expect(shell.run(&here("delete cm -l none=such")), &["No resources found"]);
    shell.expect(shell.run(&here("delete secret,cm --all")), &["secret \"key\" deleted"]);
    shell.expect(
        shell.run(&format!("delete namespace {NAMESPACE} --timeout=30s")),
        &["namespace \"kubectl-test\" deleted"],
    );
    shell.expect_code(shell.run(&format!("get namespace {NAMESPACE}")), 1, &["NotFound"]);
}
