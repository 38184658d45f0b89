//! Compares the wire's records with the layouts that the compiled object carries, before anything is attached.

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{MemberAttr, Struct};
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
