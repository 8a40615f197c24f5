"""The official Python client works on a cluster unchanged: client.py KUBECONFIG"""

import sys
import threading

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException

NAMESPACE = "python-test"


def config_map(name, data, labels=None):
    metadata = client.V1ObjectMeta(name=name, labels=labels)
    return client.V1ConfigMap(metadata=metadata, data=data)


def expect_status(status, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ApiException as error:
        assert error.status == status, (error.status, error.body)
        return
    raise AssertionError(f"expected {status} from {call.__name__}")


def objects(core):
    core.create_namespaced_config_map(NAMESPACE, config_map("one", {"a": "1"}, {"tier": "x"}))
    expect_status(409, core.create_namespaced_config_map, NAMESPACE, config_map("one", {}))
    expect_status(404, core.read_namespaced_config_map, "none", NAMESPACE)
    found = core.read_namespaced_config_map("one", NAMESPACE)
    assert found.data == {"a": "1"}, found
    found.data["b"] = "2"
    replaced = core.replace_namespaced_config_map("one", NAMESPACE, found)
    assert replaced.metadata.resource_version != found.metadata.resource_version
    expect_status(409, core.replace_namespaced_config_map, "one", NAMESPACE, found)
    patched = core.patch_namespaced_config_map("one", NAMESPACE, {"data": {"a": None, "c": "3"}})
    assert patched.data == {"b": "2", "c": "3"}, patched.data
    steps = [{"op": "replace", "path": "/data/c", "value": "4"}]
    assert core.patch_namespaced_config_map("one", NAMESPACE, steps).data["c"] == "4"


def pages(core):
    for number in range(5):
        core.create_namespaced_config_map(NAMESPACE, config_map(f"page-{number}", {}, {"set": "pages"}))
    names, token = [], None
    while True:
        page = core.list_namespaced_config_map(NAMESPACE, label_selector="set=pages", limit=2, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"page-{number}" for number in range(5)], names
    by_name = core.list_namespaced_config_map(NAMESPACE, field_selector="metadata.name=page-3")
    assert [item.metadata.name for item in by_name.items] == ["page-3"]


def watching(core):
    version = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version

    def change():
        core.create_namespaced_config_map(NAMESPACE, config_map("seen", {"a": "1"}, {"watched": "yes"}))
        core.patch_namespaced_config_map("seen", NAMESPACE, {"data": {"a": "2"}})
        core.delete_namespaced_config_map("seen", NAMESPACE)

    changes = threading.Thread(target=change)
    changes.start()
    stream = watch.Watch().stream(
        core.list_namespaced_config_map, NAMESPACE, label_selector="watched=yes", resource_version=version, timeout_seconds=20
    )
    seen = []
    for event in stream:
        seen.append((event["type"], event["object"].data["a"]))
        if event["type"] == "DELETED":
            break
    changes.join()
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")], seen


def deployments(api):
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": "web"}),
        spec=client.V1PodSpec(containers=[client.V1Container(name="main", image="registry.example/web:1")]),
    )
    spec = client.V1DeploymentSpec(replicas=2, selector=client.V1LabelSelector(match_labels={"app": "web"}), template=template)
    body = client.V1Deployment(metadata=client.V1ObjectMeta(name="web"), spec=spec)
    apps = client.AppsV1Api(api)
    created = apps.create_namespaced_deployment(NAMESPACE, body)
    assert created.spec.replicas == 2 and created.metadata.uid
    containers = [{"name": "main", "image": "registry.example/web:2"}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    patched = apps.patch_namespaced_deployment("web", NAMESPACE, patch)
    assert patched.spec.template.spec.containers[0].image == "registry.example/web:2"
    status = {"status": {"replicas": 2, "readyReplicas": 1}}
    apps.patch_namespaced_deployment_status("web", NAMESPACE, status)
    assert apps.read_namespaced_deployment_status("web", NAMESPACE).status.ready_replicas == 1
    apps.delete_namespaced_deployment("web", NAMESPACE)


def custom(api):
    extensions = client.ApiextensionsV1Api(api)
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}
    names = {"kind": "Boat", "listKind": "BoatList", "plural": "boats", "singular": "boat"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.python.example"},
        "spec": {"group": "python.example", "scope": "Namespaced", "names": names, "versions": [version]},
    }
    extensions.create_custom_resource_definition(definition)
    boats = client.CustomObjectsApi(api)
    place = ("python.example", "v1", NAMESPACE, "boats")
    boat = {"apiVersion": "python.example/v1", "kind": "Boat", "metadata": {"name": "anna"}, "spec": {"crew": 1}}
    # A server may need a moment before it serves what it has just accepted.
    for _ in range(100):
        try:
            boats.list_namespaced_custom_object(*place)
            break
        except ApiException as error:
            assert error.status == 404, error
            threading.Event().wait(0.1)
    boats.create_namespaced_custom_object(*place, boat)
    boats.patch_namespaced_custom_object(*place, "anna", {"spec": {"crew": 2}})
    boats.patch_namespaced_custom_object_status(*place, "anna", {"status": {"afloat": True}})
    found = boats.get_namespaced_custom_object(*place, "anna")
    assert found["spec"] == {"crew": 2} and found["status"] == {"afloat": True}, found
    assert found["metadata"]["generation"] == 2, found
    kinds = dynamic.DynamicClient(api).resources.get(api_version="python.example/v1", kind="Boat")
    assert kinds.get(name="anna", namespace=NAMESPACE).spec.crew == 2
    boats.delete_namespaced_custom_object(*place, "anna")
    extensions.delete_custom_resource_definition("boats.python.example")


def from_documents(api):
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "made"}, "stringData": {"word": "open"}}
    utils.create_from_dict(api, document, namespace=NAMESPACE)
    assert client.CoreV1Api(api).read_namespaced_secret("made", NAMESPACE).data == {"word": "b3Blbg=="}


def rights(api):
    attributes = client.V1ResourceAttributes(namespace=NAMESPACE, verb="list", resource="pods")
    spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    review = client.AuthorizationV1Api(api).create_self_subject_access_review(client.V1SelfSubjectAccessReview(spec=spec))
    assert review.status.allowed


def main():
    api = config.new_client_from_config(sys.argv[1])
    core = client.CoreV1Api(api)
    assert client.VersionApi(api).get_code().git_version.startswith("v1.")
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    checks = [lambda: objects(core), lambda: pages(core), lambda: watching(core), lambda: deployments(api)]
    checks += [lambda: custom(api), lambda: from_documents(api), lambda: rights(api)]
    for check in checks:
        check()
    core.delete_namespace(NAMESPACE)
    print("the Python client found everything as it should be")


main()
