//! Whatever a person types: it is read or refused with a place in the text, and what is read can be asked.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use pilothouse_fuzz::{resource_of, seeds};
use pilothouse_model::{Column, LabelSelector, Object, Plan, Quantity, Row, Timestamp, Workload};

struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(|| {
    let pods = seeds().into_iter().filter(|seed| seed["kind"] == "Pod");
    let rows: Vec<Row> = pods
        .filter_map(|seed| Object::new(seed).ok())
        .map(|object| {
            let resource = Arc::new(resource_of(&object));
            let projection = pilothouse_columns::project(&resource, &object);
            Row::assemble(resource, &object, projection, &mut |text| text.into())
        })
        .collect();
    let columns = pilothouse_columns::columns(&rows[0].resource);
    vec![Table { columns, rows }, Table { columns: Workload::columns(), rows: Vec::new() }]
});

fuzz_target!(|text: &str| {
    let now = Timestamp::from_second(1_800_000_000).expect("a moment");
    for Table { columns, rows } in &*TABLES {
        match pilothouse_query::parse(text, columns) {
            Ok(filter) => {
                let plan = Plan { filter, ..Plan::everything() };
                for row in rows {
                    plan.matches(row, now);
                }
            }
            Err(error) => {
                assert!(text.is_char_boundary(error.span.start) && text.is_char_boundary(error.span.end));
                assert!(!error.to_string().is_empty());
                error.pointer(text);
            }
        }
        if let Ok(order) = pilothouse_query::parse_sort(text, columns) {
            let plan = Plan { order, ..Plan::everything() };
            for pair in rows.windows(2) {
                assert_eq!(plan.compare(&pair[0], &pair[1]), plan.compare(&pair[1], &pair[0]).reverse());
            }
        }
    }
    if let Ok(selector) = text.parse::<LabelSelector>() {
        selector.matches(|_| Some("x"));
    }
    if let Ok(quantity) = text.parse::<Quantity>() {
        let shown = quantity.to_string();
        assert_eq!(shown.parse::<Quantity>().as_ref().map(ToString::to_string), Ok(shown));
    }
});
