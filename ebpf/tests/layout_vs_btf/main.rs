//! The records of the schema lie in the compiled object as the schema says: names, sizes, offsets.

mod btf;

use std::collections::BTreeMap;

use btf::{Member, Struct};
use quell_bpf::{Family, KPROBE_OBJECT};
use quell_wire::emit_c::RECORDS;
use quell_wire::event::EventHead;
use quell_wire::{Field, Layout, WireRecord};
use rstest::rstest;

/// What of a record is otherwise in the object; nothing when all is well.
fn differences(structs: &BTreeMap<String, Struct>, layout: &Layout) -> Vec<String> {
    let name = layout.c_name;
    let Some(found) = structs.get(name) else {
        return vec![format!("struct {name} is not described")];
    };
    let mut out = Vec::new();
    if found.size != layout.size {
        out.push(format!("{name} has {} bytes in the object, {} in the schema", found.size, layout.size));
    }
    let expected: Vec<Member> = layout
        .fields
        .iter()
        .map(|field| Member { name: field.name.to_owned(), offset: field.offset, size: field.size })
        .collect();
    if expected.len() != found.members.len() {
        out.push(format!("{name} has {} fields, not {}", found.members.len(), expected.len()));
    }
    let pairs = expected.iter().zip(&found.members).filter(|(expected, found)| expected != found);
    out.extend(
        pairs.map(|(expected, found)| format!("{name}: {found:?} in the object, {expected:?} in the schema")),
    );
    out
}

fn structs() -> BTreeMap<String, Struct> {
    btf::structs(&KPROBE_OBJECT)
}

#[test]
fn every_record_lies_in_the_objects_of_every_family_as_in_the_schema() {
    for family in Family::ALL {
        for bytes in [Some(family.object()), family.perf_object()].into_iter().flatten() {
            let structs = btf::structs(bytes);
            let found: Vec<_> = RECORDS.iter().flat_map(|layout| differences(&structs, layout)).collect();
            assert!(found.is_empty(), "{family:?}: {}", found.join("\n"));
        }
    }
    assert_eq!(RECORDS.len(), 23, "a record came or went: is it meant?");
}

/// The event's head with one field changed.
fn doctored(position: usize, change: fn(&mut Field)) -> Layout {
    let mut fields = EventHead::LAYOUT.fields.to_vec();
    change(&mut fields[position]);
    Layout { fields: fields.leak(), ..EventHead::LAYOUT }
}

#[rstest]
#[case::another_offset(doctored(2, |field| field.offset += 4))]
#[case::another_size(doctored(3, |field| field.size = 4))]
#[case::another_name(doctored(4, |field| field.name = "parent_started_ns"))]
#[case::two_fields_swapped({
    let mut fields = EventHead::LAYOUT.fields.to_vec();
    fields.swap(0, 1);
    Layout { fields: fields.leak(), ..EventHead::LAYOUT }
})]
#[case::one_field_less(Layout {
    fields: EventHead::LAYOUT.fields.split_last().expect("it has fields").1,
    ..EventHead::LAYOUT
})]
#[case::one_field_more({
    let mut fields = EventHead::LAYOUT.fields.to_vec();
    fields.push(fields[0]);
    Layout { fields: fields.leak(), ..EventHead::LAYOUT }
})]
#[case::another_record_size(Layout { size: EventHead::LAYOUT.size + 8, ..EventHead::LAYOUT })]
#[case::an_unknown_record(Layout { c_name: "quell_event_tail", ..EventHead::LAYOUT })]
fn a_changed_layout_is_noticed(#[case] layout: Layout) {
    assert_ne!(differences(&structs(), &layout), Vec::<String>::new());
}
