//! The numbers that stand for the AST's types and operators in the bytes, both ways.

use quell_wire::code::{ArgType as WireType, Operator as WireOperator, Subject};

use crate::policy::ast::{ArgType, CapabilitySet, Namespace, Operator};

/// The wire number of an operator. Equal and In mean the same and keep their own numbers, so that decoding gives back what
/// was written.
#[must_use]
pub const fn wire_operator(operator: Operator) -> WireOperator {
    match operator {
        Operator::Equal => WireOperator::Equal,
        Operator::NotEqual => WireOperator::NotEqual,
        Operator::In => WireOperator::In,
        Operator::NotIn => WireOperator::NotIn,
        Operator::Prefix => WireOperator::Prefix,
        Operator::NotPrefix => WireOperator::NotPrefix,
        Operator::Postfix => WireOperator::Postfix,
        Operator::NotPostfix => WireOperator::NotPostfix,
        Operator::SubString => WireOperator::SubString,
        Operator::SubStringIgnCase => WireOperator::SubStringIgnCase,
        Operator::Gt => WireOperator::Gt,
        Operator::Lt => WireOperator::Lt,
        Operator::InMap => WireOperator::InMap,
        Operator::NotInMap => WireOperator::NotInMap,
        Operator::InRange => WireOperator::InRange,
        Operator::NotInRange => WireOperator::NotInRange,
        Operator::Mask => WireOperator::Mask,
        Operator::SAddr => WireOperator::SAddr,
        Operator::NotSAddr => WireOperator::NotSAddr,
        Operator::DAddr => WireOperator::DAddr,
        Operator::NotDAddr => WireOperator::NotDAddr,
        Operator::SPort => WireOperator::SPort,
        Operator::NotSPort => WireOperator::NotSPort,
        Operator::DPort => WireOperator::DPort,
        Operator::NotDPort => WireOperator::NotDPort,
        Operator::SPortPriv => WireOperator::SPortPriv,
        Operator::NotSPortPriv => WireOperator::NotSPortPriv,
        Operator::DPortPriv => WireOperator::DPortPriv,
        Operator::NotDPortPriv => WireOperator::NotDPortPriv,
        Operator::Protocol => WireOperator::Protocol,
        Operator::Family => WireOperator::Family,
        Operator::State => WireOperator::State,
        Operator::CapabilitiesGained => WireOperator::CapabilitiesGained,
        Operator::FileType => WireOperator::FileType,
        Operator::NotFileType => WireOperator::NotFileType,
    }
}

/// The operator with a wire number; `None` for NotMask, which has no name in the language.
#[must_use]
pub(super) fn operator(wire: WireOperator) -> Option<Operator> {
    Operator::ALL.iter().copied().find(|operator| wire_operator(*operator) == wire)
}

/// The wire number of an argument type.
#[must_use]
pub const fn wire_type(ty: ArgType) -> WireType {
    match ty {
        ArgType::Int8 => WireType::S8,
        ArgType::Uint8 => WireType::U8,
        ArgType::Int16 => WireType::S16,
        ArgType::Uint16 => WireType::U16,
        ArgType::Int32 => WireType::S32,
        ArgType::Uint32 => WireType::U32,
        ArgType::Int64 => WireType::S64,
        ArgType::Uint64 => WireType::U64,
        ArgType::Size => WireType::SizeT,
        ArgType::Fd => WireType::Fd,
        ArgType::File => WireType::File,
        ArgType::Path => WireType::Path,
        ArgType::String => WireType::String,
        ArgType::Filename => WireType::Filename,
        ArgType::CharBuf => WireType::CharBuf,
        ArgType::CharIovec => WireType::CharIovec,
        ArgType::Skb => WireType::Skb,
        ArgType::Sock => WireType::Sock,
        ArgType::Socket => WireType::Socket,
        ArgType::Sockaddr => WireType::Sockaddr,
        ArgType::SockaddrUn => WireType::SockaddrUn,
        ArgType::Dentry => WireType::Dentry,
        ArgType::LinuxBinprm => WireType::LinuxBinprm,
        ArgType::Kiocb => WireType::Kiocb,
        ArgType::NetDevice => WireType::NetDevice,
        ArgType::Capability => WireType::Capability,
        ArgType::KernelCap => WireType::KernelCap,
        ArgType::CapInheritable => WireType::CapInheritable,
        ArgType::CapPermitted => WireType::CapPermitted,
        ArgType::CapEffective => WireType::CapEffective,
        ArgType::Syscall64 => WireType::Syscall64,
        ArgType::Nop => WireType::Nop,
    }
}

/// The type with a wire number; `None` for one that no policy has.
#[must_use]
pub(super) fn arg_type(wire: WireType) -> Option<ArgType> {
    ArgType::ALL.iter().copied().find(|ty| wire_type(*ty) == wire)
}

/// The type's name in a policy.
#[must_use]
pub fn type_name(number: u32) -> &'static str {
    WireType::from_number(number).and_then(arg_type).map_or("unknown type", ArgType::name)
}

/// The subjects of arguments by position.
pub(super) const ARGUMENTS: [Subject; 5] =
    [Subject::Arg0, Subject::Arg1, Subject::Arg2, Subject::Arg3, Subject::Arg4];

/// What a matchNamespaces entry looks at.
pub(super) const fn namespace_subject(namespace: Namespace) -> Subject {
    match namespace {
        Namespace::Uts => Subject::NsUts,
        Namespace::Ipc => Subject::NsIpc,
        Namespace::Mnt => Subject::NsMnt,
        Namespace::Pid => Subject::NsPid,
        Namespace::PidForChildren => Subject::NsPidForChildren,
        Namespace::Net => Subject::NsNet,
        Namespace::Time => Subject::NsTime,
        Namespace::TimeForChildren => Subject::NsTimeForChildren,
        Namespace::Cgroup => Subject::NsCgroup,
        Namespace::User => Subject::NsUser,
    }
}

/// What a matchCapabilities entry looks at, and what a matchCapabilityChanges entry does.
pub(super) const fn capability_subjects(set: CapabilitySet) -> (Subject, Subject) {
    match set {
        CapabilitySet::Permitted => (Subject::CapPermitted, Subject::ChangedPermitted),
        CapabilitySet::Effective => (Subject::CapEffective, Subject::ChangedEffective),
        CapabilitySet::Inheritable => (Subject::CapInheritable, Subject::ChangedInheritable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ast::TypeClass;

    #[test]
    fn both_sides_agree_on_what_is_a_text_a_path_a_connection_and_a_signed_number() {
        let mut numbers = Vec::new();
        for ty in ArgType::ALL {
            let (wire, class) = (wire_type(ty), ty.class());
            assert_eq!(wire.is_path(), class == TypeClass::Path, "{ty:?}");
            assert_eq!(wire.is_bytes(), matches!(class, TypeClass::Path | TypeClass::Text), "{ty:?}");
            let connection = matches!(class, TypeClass::Connection | TypeClass::Address);
            assert_eq!(wire.is_connection(), connection, "{ty:?}");
            let signed = matches!(class, TypeClass::Integer { signed: true, .. });
            assert_eq!(wire.is_signed(), signed, "{ty:?}");
            assert_eq!(arg_type(wire), Some(ty));
            numbers.push(wire.number());
        }
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ArgType::ALL.len(), "two types share a number");
    }

    #[test]
    fn both_sides_agree_on_operators_and_their_negations() {
        for own in Operator::ALL {
            let wire = wire_operator(*own);
            assert_eq!(format!("{own:?}"), format!("{wire:?}"));
            assert_eq!(operator(wire), Some(*own));
            assert_eq!(own.positive().map(wire_operator), wire.positive(), "{own:?}");
        }
        assert_eq!(operator(WireOperator::NotMask), None);
        assert_eq!(WireOperator::ALL.len(), Operator::ALL.len() + 1);
    }

    #[test]
    fn namespaces_are_in_the_order_of_the_subjects() {
        for (namespace, number) in Namespace::ALL.into_iter().zip(Subject::NsUts.number()..) {
            assert_eq!(namespace_subject(namespace).number(), number);
        }
    }
}
