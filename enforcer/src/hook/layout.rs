//! Compares the wire's records with the layouts that the compiled object carries, before anything is attached.

use libbpf_rs::btf::types::{MemberAttr, Struct};
use libbpf_rs::btf::{Btf, HasSize};
use quell_wire::Layout;

/// The object was built from another header than this agent.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The object does not describe a record.
    #[error("the object does not describe struct {0}")]
    Missing(&'static str),
    /// Size or a field differ.
    #[error("struct {name} differs: {difference}")]
    Differs {
        /// The record.
        name: &'static str,
        /// What differs.
        difference: String,
    },
}

/// Checks every record of `layouts`.
///
/// # Errors
/// The first difference.
pub fn check(btf: &Btf<'_>, layouts: &[Layout]) -> Result<(), LayoutError> {
    layouts.iter().try_for_each(|layout| check_one(btf, layout))
}

fn check_one(btf: &Btf<'_>, layout: &Layout) -> Result<(), LayoutError> {
    let name = layout.c_name;
    let found: Struct<'_> = btf.type_by_name(name).ok_or(LayoutError::Missing(name))?;
    let sizes = (found.size(), layout.size);
    if sizes.0 != sizes.1 {
        let difference = format!("object has {} bytes, agent has {}", sizes.0, sizes.1);
        return Err(LayoutError::Differs { name, difference });
    }
    let fields: Vec<String> = found
        .iter()
        .map(|member| {
            let offset = match member.attr {
                MemberAttr::Normal { offset } | MemberAttr::BitField { offset, .. } => offset,
            };
            format!("{} at bit {offset}", member.name.unwrap_or_default().to_string_lossy())
        })
        .collect();
    let expected: Vec<String> =
        layout.fields.iter().map(|field| format!("{} at bit {}", field.name, field.offset * 8)).collect();
    if fields == expected {
        return Ok(());
    }
    Err(LayoutError::Differs { name, difference: format!("object has {fields:?}, agent has {expected:?}") })
}

#[cfg(test)]
mod tests {
    use quell_wire::emit_c::RECORDS;
    use quell_wire::event::EventHead;
    use quell_wire::{Field, WireRecord};
    use rstest::rstest;

    use super::*;

    fn checked(layouts: &[Layout]) -> Result<(), LayoutError> {
        let btf = Btf::from_raw("kprobe", &quell_bpf::KPROBE_OBJECT).unwrap().unwrap();
        check(&btf, layouts)
    }

    fn doctored(change: fn(&mut Vec<Field>)) -> Layout {
        let mut fields = EventHead::LAYOUT.fields.to_vec();
        change(&mut fields);
        Layout { fields: fields.leak(), ..EventHead::LAYOUT }
    }

    #[test]
    fn the_object_has_the_layouts_of_this_agent() {
        checked(RECORDS).unwrap();
    }

    #[rstest]
    #[case::another_offset(doctored(|fields| fields[2].offset += 4))]
    #[case::another_name(doctored(|fields| fields[2].name = "timestamp_ns"))]
    #[case::one_field_less(doctored(|fields| fields.truncate(3)))]
    #[case::one_field_more(doctored(|fields| fields.push(fields[0])))]
    fn another_layout_is_refused_by_name(#[case] layout: Layout) {
        let error = checked(&[layout]).unwrap_err();
        assert!(error.to_string().starts_with("struct quell_event_head differs"), "{error}");
    }

    #[test]
    fn a_record_that_the_object_does_not_describe_is_refused() {
        let error = checked(&[Layout { c_name: "quell_event_tail", ..EventHead::LAYOUT }]).unwrap_err();
        assert_eq!(error.to_string(), "the object does not describe struct quell_event_tail");
    }
}
