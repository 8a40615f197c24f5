//! Rules and sights against rights told word by word.

use proptest::prelude::*;

use super::*;

/// What somebody was bound to: rules everywhere, and rules in namespaces.
#[derive(Debug)]
struct Bound {
    everywhere: Vec<Rule>,
    namespaces: Vec<(Str, Vec<Rule>)>,
}

const NAMESPACES: [&str; 3] = ["a", "b", "c"];
const NAMES: [&str; 3] = ["x", "y", "a"];
const RESOURCES: [(&str, &str, bool); 4] =
    [("", "pods", true), ("", "nodes", false), ("apps", "deployments", true), ("", "namespaces", false)];

impl Bound {
    /// Whether RBAC allows it, told rule by rule and word by word. Without a namespace: everywhere.
    fn allows(&self, verb: &str, (group, resource): (&str, &str), namespace: Option<&str>, name: Option<&str>) -> bool {
        let local = self.namespaces.iter().filter(|(own, _)| Some(&**own) == namespace).flat_map(|(_, rules)| rules);
        self.everywhere.iter().chain(local).any(|rule| {
            let holds = |words: &[String], wanted: &str| words.iter().any(|word| word == wanted || word == "*");
            holds(&rule.verbs, verb)
                && holds(&rule.groups, group)
                && holds(&rule.resources, resource)
                && (rule.names.is_empty() || rule.names.iter().any(|own| Some(own.as_str()) == name))
        })
    }

    /// Whether an object shows in any list, or read, that somebody may ask for.
    fn shows(&self, verb: &str, (group, plural, namespaced): (&str, &str, bool), place: &str, name: &str) -> bool {
        let resource = (group, plural);
        let places: &[Option<&str>] = if namespaced { &[None, Some(place)] } else { &[None] };
        places
            .iter()
            .any(|place| self.allows(verb, resource, *place, None) || self.allows(verb, resource, *place, Some(name)))
    }

    /// The rights that the cluster's answers about it make.
    fn rights(&self) -> Rights {
        let answer = |own: &[Rule]| reading(self.everywhere.iter().chain(own).cloned().collect());
        Rights::new(answer(&[]), self.namespaces.iter().map(|(name, rules)| (name.clone(), answer(rules))))
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    let words = |from: &'static [&'static str], least| {
        let owned: Vec<String> = from.iter().map(|word| (*word).to_owned()).collect();
        prop::sample::subsequence(owned, least..=2)
    };
    (
        words(&["get", "list", "watch", "*"], 1),
        words(&["", "apps", "*"], 1),
        words(&["pods", "nodes", "deployments", "namespaces", "pods/log", "*"], 1),
        words(&NAMES, 0),
    )
        .prop_map(|(verbs, groups, resources, names)| Rule { verbs, groups, resources, names })
}

fn bound() -> impl Strategy<Value = Bound> {
    let rules = || prop::collection::vec(rule(), 0..3);
    (rules(), prop::collection::vec(rules(), NAMESPACES.len())).prop_map(|(everywhere, places)| Bound {
        everywhere,
        namespaces: NAMESPACES.iter().map(|name| Str::from(*name)).zip(places).collect(),
    })
}

fn resource((group, plural, namespaced): (&str, &str, bool)) -> Resource {
    Resource { namespaced, ..Resource::new(group, "v1", plural, plural) }
}

proptest! {
    #[test]
    fn what_is_seen_is_what_rbac_grants(bound in bound()) {
        let rights = bound.rights();
        for wanted in RESOURCES {
            for verb in Verb::ALL {
                let sight = rights.sight(&resource(wanted), verb);
                for (place, name) in NAMESPACES.iter().flat_map(|place| NAMES.map(|name| (place, name))) {
                    let namespace = wanted.2.then_some(*place);
                    let shows = bound.shows(verb.as_str(), wanted, place, name);
                    prop_assert_eq!(sight.sees(namespace, name), shows, "{:?} {:?} {} {}", verb, wanted, place, name);
                }
                let all = bound.allows(verb.as_str(), (wanted.0, wanted.1), None, None);
                prop_assert_eq!(sight.is_all(), all);
                for place in NAMESPACES.iter().filter(|_| wanted.2) {
                    let whole = bound.allows(verb.as_str(), (wanted.0, wanted.1), Some(place), None);
                    prop_assert_eq!(sight.sees_namespace(place), whole);
                }
            }
        }
        let everything = Verb::ALL.iter().all(|verb| bound.allows(verb.as_str(), ("*", "*"), None, None));
        prop_assert_eq!(rights.is_everything(), everything);
    }

    #[test]
    fn equal_rights_are_equal_in_whatever_order_they_are_told(bound in bound()) {
        let turned = |rules: &[Rule]| rules.iter().rev().cloned().collect::<Vec<_>>();
        let namespaces = bound.namespaces.iter().rev().map(|(name, rules)| (name.clone(), turned(rules))).collect();
        let other = Bound { everywhere: turned(&bound.everywhere), namespaces };
        for wanted in RESOURCES {
            prop_assert_eq!(bound.rights().view(&resource(wanted)), other.rights().view(&resource(wanted)));
        }
    }
}

#[test]
fn what_may_be_listed_may_be_looked_at_by_name_and_not_the_other_way_round() {
    let rule = |verb: &str| Rule {
        verbs: vec![verb.to_owned()],
        groups: vec![String::new()],
        resources: vec!["pods".to_owned()],
        names: Vec::new(),
    };
    let bound = |verb| Bound { everywhere: Vec::new(), namespaces: vec![("a".into(), vec![rule(verb)])] };
    let a = Sight::in_namespaces(["a".into()]);
    let pods = resource(RESOURCES[0]);
    assert_eq!(bound("list").rights().view(&pods), View { listed: a.clone(), named: a.clone() });
    assert_eq!(bound("get").rights().view(&pods), View { listed: Sight::None, named: a });
    assert!(bound("create").rights().namespaces().is_empty());
    assert_eq!(bound("get").rights().namespaces(), ["a".into()].into());
}
