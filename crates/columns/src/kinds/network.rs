//! Ingress, endpoint slices and network policies.

use pilothouse_model::{Cell, Object, Projection, Read};
use serde_json::Value;

use super::{AGE, Heading, Kind, age, joined, plain, plain_text, selector, text};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        groups: &["networking.k8s.io", "extensions"],
        plural: "ingresses",
        headings: &[
            Heading::text("Class"),
            Heading::text("Hosts"),
            Heading::text("Address"),
            Heading::text("Ports"),
            AGE,
        ],
        project: ingress,
    },
    Kind {
        groups: &["networking.k8s.io"],
        plural: "ingressclasses",
        headings: &[Heading::text("Controller"), Heading::text("Parameters"), AGE],
        project: ingress_class,
    },
    Kind {
        groups: &["networking.k8s.io", "extensions"],
        plural: "networkpolicies",
        headings: &[Heading::text("Pod-Selector"), AGE],
        project: |object| plain(object, vec![selector(object.pointer("/spec/podSelector")), age(object)]),
    },
    Kind {
        groups: &["discovery.k8s.io"],
        plural: "endpointslices",
        headings: &[Heading::text("AddressType"), Heading::text("Ports"), Heading::text("Endpoints"), AGE],
        project: endpoint_slice,
    },
    Kind {
        groups: &["networking.k8s.io"],
        plural: "ipaddresses",
        headings: &[Heading::text("ParentRef"), AGE],
        project: parent,
    },
    Kind {
        groups: &["networking.k8s.io"],
        plural: "servicecidrs",
        headings: &[Heading::text("CIDRs"), AGE],
        project: |object| {
            let ranges = object.items("/spec/cidrs").iter().filter_map(Value::as_str);
            plain(object, vec![joined(ranges), age(object)])
        },
    },
];

fn ingress(object: &Object) -> Projection {
    let old = object.annotation("kubernetes.io/ingress.class").filter(|class| !class.is_empty());
    let class = object.text("/spec/ingressClassName").or(old);
    let hosts: Vec<&str> = object
        .items("/spec/rules")
        .iter()
        .filter_map(|rule| rule.text("/host"))
        .filter(|host| !host.is_empty())
        .collect();
    let hosts = match hosts.len() {
        0 => "*".to_owned(),
        1..=3 => hosts.join(","),
        all => format!("{} + {} more...", hosts[..3].join(","), all - 3),
    };
    let addresses: Vec<&str> = object
        .items("/status/loadBalancer/ingress")
        .iter()
        .filter_map(|ingress| ingress.text("/ip").or_else(|| ingress.text("/hostname")))
        .collect();
    let ports = if object.items("/spec/tls").is_empty() { "80" } else { "80, 443" };
    let cells = vec![
        Cell::optional(class),
        Cell::text(&hosts),
        Cell::text(&addresses.join(",")),
        Cell::text(ports),
        age(object),
    ];
    plain(object, cells)
}

fn ingress_class(object: &Object) -> Projection {
    let parameters = match (object.text("/spec/parameters/kind"), object.text("/spec/parameters/name")) {
        (Some(kind), Some(name)) => {
            let kind = match object.text("/spec/parameters/apiGroup") {
                Some(group) if !group.is_empty() => format!("{kind}.{group}"),
                _ => kind.to_owned(),
            };
            Cell::text(&format!("{kind}/{name}"))
        }
        _ => Cell::Missing,
    };
    plain(object, vec![plain_text(object, "/spec/controller"), parameters, age(object)])
}

fn endpoint_slice(object: &Object) -> Projection {
    let ports: Vec<String> = object
        .items("/ports")
        .iter()
        .map(|port| match port.integer("/port") {
            Some(number) => number.to_string(),
            None => "*".to_owned(),
        })
        .collect();
    let addresses = object.items("/endpoints").iter().flat_map(|endpoint| endpoint.items("/addresses"));
    let addresses: Vec<&str> = addresses.filter_map(Value::as_str).collect();
    let cells = vec![text(object, "/addressType"), few(ports.iter().map(String::as_str)), few(addresses), age(object)];
    plain(object, cells)
}

/// The first three, and how many more there are; `<unset>` when there are none.
fn few<'a>(texts: impl IntoIterator<Item = &'a str>) -> Cell {
    let texts: Vec<&str> = texts.into_iter().collect();
    Cell::text(&match texts.len() {
        0 => "<unset>".to_owned(),
        1..=3 => texts.join(","),
        all => format!("{} + {} more...", texts[..3].join(","), all - 3),
    })
}

fn parent(object: &Object) -> Projection {
    let part = |field: &str| object.text(&format!("/spec/parentRef/{field}")).unwrap_or_default();
    let mut resource = part("resource").to_owned();
    if !part("group").is_empty() {
        resource = format!("{resource}.{}", part("group"));
    }
    let parts = [resource.as_str(), part("namespace"), part("name")];
    let path = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    plain(object, vec![Cell::text(&path), age(object)])
}
