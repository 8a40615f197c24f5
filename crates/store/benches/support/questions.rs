//! Questions as people ask them.

use pilothouse_model::filter::Pattern;
use pilothouse_model::{Comparison, Field, Filter, LabelSelector, Operand, Plan, Sight, Sort};

pub(crate) const PAGE: usize = 50;

pub(crate) fn plan(filter: Filter, order: &[(Field, bool)]) -> Plan {
    let order =
        order.iter().map(|(field, descending)| Sort { field: field.clone(), descending: *descending }).collect();
    Plan { filter, order, ..Plan::everything() }
}

pub(crate) fn equals(field: Field, word: &str) -> Filter {
    Filter::Compare(field, Comparison::Equal, Operand::Text(word.into()))
}

fn found(field: Field, expression: &str) -> Filter {
    let pattern = Pattern::new(expression);
    pattern.map_or(Filter::All, |pattern| Filter::Compare(field, Comparison::Equal, Operand::Pattern(pattern)))
}

fn mentions(expression: &str) -> Filter {
    Pattern::new(expression).map_or(Filter::All, Filter::Mentions)
}

pub(crate) fn questions() -> Vec<(&'static str, Plan)> {
    let selector = |text: &str| text.parse::<LabelSelector>().map_or(Filter::All, Filter::Labels);
    let text = |needle: &str| Filter::Text(needle.into());
    let young = || Filter::Compare(Field::Column(3), Comparison::Less, Operand::Ago(86_400.0));
    let gpus = || Filter::Compare(Field::Column(6), Comparison::Greater, Operand::Number(4.0));
    let not = |filter| Filter::Not(Box::new(filter));
    let mixed = Filter::And(vec![equals(Field::State, "oomkilled"), young(), gpus(), text("team-3")]);
    let nested = Filter::And(vec![
        Filter::Or(vec![equals(Field::State, "failed"), gpus(), equals(Field::Name, "*worker-3*")]),
        not(Filter::Or(vec![text("team-7"), equals(Field::Namespace, "team-9")])),
        selector("team notin (team-1,team-2),app.kubernetes.io/name"),
    ]);
    let teams = |count: usize| Sight::in_namespaces((0..count).map(|team| format!("team-{team}").into()));
    let by = |fields: &[Field]| fields.iter().map(|field| (field.clone(), true)).collect::<Vec<_>>();
    let node = Field::Column(5);
    vec![
        ("run/everything", plan(Filter::All, &[])),
        ("run/state", plan(equals(Field::State, "oomkilled"), &[])),
        ("run/glob", plan(equals(Field::Name, "train-*-worker-3-*"), &[])),
        ("run/image glob", plan(equals(Field::Image, "*/trainer@sha256:a*"), &[])),
        ("run/ready", plan(equals(Field::Column(0), "1/2"), &[])),
        ("run/regex of names", plan(found(Field::Name, "worker-1[0-5]-.*f$"), &[])),
        ("run/regex of digits", plan(found(Field::Name, "[0-9]{5}$"), &[])),
        ("run/regex of texts", plan(mentions("insufficient|oom.?killed"), &[])),
        ("run/regex of texts, digits", plan(mentions("[0-9]{7}"), &[])),
        ("text/message", plan(text("insufficient"), &[])),
        ("text/part of a name", plan(text("worker-3-0a"), &[])),
        ("text/nowhere", plan(text("no such text"), &[])),
        ("text/one letter", plan(text("e"), &[(Field::Name, true)])),
        ("text/address", plan(text("10.7."), &[(node.clone(), false)])),
        ("run/mixed", plan(mixed, &[(Field::Column(3), false)])),
        ("run/nested", plan(nested, &[(Field::Label("job-name".into()), false), (Field::Column(2), true)])),
        ("run/rare label", plan(selector("job-name=train-77-worker"), &[])),
        ("run/common label", plan(selector("team=team-3"), &[])),
        ("run/labels", plan(selector("team in (team-3,team-4),!absent,job-name!=train-3-worker"), &[])),
        ("run/namespace", Plan { namespaces: Some(vec!["team-3".into()]), ..Plan::everything() }),
        ("sight/two teams, text", Plan { sight: teams(2), ..plan(text("worker-3"), &[(Field::Name, true)]) }),
        ("sight/thirty teams, state", Plan { sight: teams(30), ..plan(equals(Field::State, "running"), &[]) }),
        ("sort/name", plan(Filter::All, &[(Field::Name, true)])),
        ("sort/age", plan(Filter::All, &[(Field::Column(3), true)])),
        ("sort/address", plan(Filter::All, &[(Field::Column(4), false)])),
        ("sort/image", plan(Filter::All, &[(Field::Image, false)])),
        ("sort/label", plan(Filter::All, &[(Field::Label("job-name".into()), false)])),
        ("sort/state, restarts", plan(Filter::All, &[(Field::State, false), (Field::Column(2), true)])),
        ("sort/four keys", plan(Filter::All, &by(&[Field::State, Field::Column(2), node.clone(), Field::Name]))),
        ("sort/node of running", plan(equals(Field::State, "running"), &[(node, false)])),
    ]
}
