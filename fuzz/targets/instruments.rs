//! Whatever a cluster stores: columns, rows, workloads, causes and pages come out of it, and nothing panics.
#![no_main]

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use pilothouse_fuzz::{Dice, World, bend, seeds};
use pilothouse_model::{Object, Row};
use pilothouse_store::{Compressor, Interner, Record};
use serde_json::Value;

static SEEDS: LazyLock<Vec<Value>> = LazyLock::new(seeds);

thread_local! {
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor::new());
}

fuzz_target!(|bytes: &[u8]| {
    let mut dice = Dice(bytes);
    let chosen = dice.below(SEEDS.len());
    let mut values = vec![SEEDS[chosen].clone()];
    // Some of the others, so that there is something to link to.
    let first = dice.below(SEEDS.len());
    values.extend(SEEDS.iter().cycle().skip(first).step_by(3).take(12).cloned());
    let unknown = dice.below(7);
    for _ in 0..24 {
        if dice.is_over() {
            break;
        }
        let which = dice.below(values.len() * 2).saturating_sub(values.len());
        bend(&mut values[which], &mut dice);
    }
    let objects: Vec<Object> = values.into_iter().filter_map(|value| Object::new(value).ok()).collect();
    let world = World::new(objects, unknown);
    for (resource, object) in world.objects().iter().take(2) {
        let resource = Arc::new(resource.clone());
        let columns = pilothouse_columns::columns(&resource);
        let projection = pilothouse_columns::project(&resource, object);
        assert_eq!(projection.cells.len(), columns.len());
        let mut interner = Interner::new();
        let row = Row::assemble(Arc::clone(&resource), object, projection, &mut |text| interner.intern(text));
        assert_eq!(*row.name, *object.name());
        let body = COMPRESSOR.with_borrow_mut(|compressor| compressor.compress(object, &row));
        let record = Record { row, body };
        assert_eq!(record.object().expect("what was compressed can be read").value(), object.value());
        for instrument in pilothouse_instruments::all() {
            if let Some(columns) = instrument.columns(&resource) {
                assert_eq!(instrument.project(&resource, object).cells.len(), columns.len());
            }
            instrument.links(object);
            instrument.explain(object, &world);
            instrument.sections(object, &world);
            instrument.actions(object);
            if let Some(workload) = instrument.workload(object, &world) {
                workload.into_row(Arc::clone(&resource), object, &mut |text| text.into());
            }
        }
    }
});
