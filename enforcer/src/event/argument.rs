//! One argument of an event as JSON, in the schema of Tetragon's events.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use quell_wire::code::{ArgStatus, ArgType};
use quell_wire::selector::{Connection, FAMILY_4, FAMILY_6, NO_PORT};
use serde_json::{Value, json};

use super::names;
use super::record::EventValue;

/// Bit of a system call number that says the call came through the 32-bit entry.
const COMPATIBLE: u64 = 1 << 31;

/// One argument; a label of the policy belongs to it.
pub(super) fn value(value: &EventValue, label: Option<&str>) -> Value {
    let mut out = plain(value);
    if let (Some(label), Some(out)) = (label, out.as_object_mut()) {
        out.insert("label".into(), label.into());
    }
    out
}

fn plain(value: &EventValue) -> Value {
    let number = value.number;
    match value.arg_type {
        ArgType::Int | ArgType::S32 | ArgType::S16 | ArgType::S8 => {
            json!({ "int_arg": number.cast_signed() })
        }
        ArgType::U32 | ArgType::U16 | ArgType::U8 => json!({ "uint_arg": number }),
        // 64-bit numbers are strings in the JSON form of protocol buffers.
        ArgType::S64 => json!({ "long_arg": number.cast_signed().to_string() }),
        ArgType::U64 | ArgType::SizeT => json!({ "size_arg": number.to_string() }),
        ArgType::String | ArgType::Filename => json!({ "string_arg": text(&value.bytes) }),
        ArgType::CharBuf | ArgType::CharIovec if value.status == ArgStatus::Truncated => json!({
            "truncated_bytes_arg": { "bytes_arg": BASE64.encode(&value.bytes), "orig_size": number.to_string() }
        }),
        ArgType::CharBuf | ArgType::CharIovec => json!({ "bytes_arg": BASE64.encode(&value.bytes) }),
        ArgType::Fd | ArgType::File | ArgType::Kiocb => json!({ "file_arg": { "path": text(&value.bytes) } }),
        ArgType::Path | ArgType::Dentry => json!({ "path_arg": { "path": text(&value.bytes) } }),
        ArgType::LinuxBinprm => json!({ "linux_binprm_arg": { "path": text(&value.bytes) } }),
        ArgType::NetDevice => json!({ "net_dev_arg": { "name": text(&value.bytes) } }),
        ArgType::Capability => {
            json!({ "capability_arg": { "value": number.cast_signed(), "name": names::capability(number) } })
        }
        ArgType::KernelCap => json!({ "kernel_cap_t_arg": format!("{number:016x}") }),
        ArgType::CapInheritable => json!({ "cap_inheritable_arg": format!("{number:016x}") }),
        ArgType::CapPermitted => json!({ "cap_permitted_arg": format!("{number:016x}") }),
        ArgType::CapEffective => json!({ "cap_effective_arg": format!("{number:016x}") }),
        ArgType::Syscall64 => {
            let abi = if number & COMPATIBLE == 0 { "x64" } else { "i386" };
            json!({ "syscall_id": { "id": number & !COMPATIBLE, "abi": abi } })
        }
        ArgType::SockaddrUn => json!({ "sockaddr_arg": { "family": "AF_UNIX", "addr": text(&value.bytes) } }),
        ArgType::Sock | ArgType::Socket => json!({ "sock_arg": sock(value.connection()) }),
        ArgType::Skb => json!({ "skb_arg": skb(value.connection()) }),
        ArgType::Sockaddr => json!({ "sockaddr_arg": sockaddr(value.connection()) }),
        ArgType::Nop => json!({}),
    }
}

fn sock(connection: Option<Connection>) -> Value {
    let Some(of) = connection else { return json!({}) };
    let plain = json!({
        "family": names::family(of.family),
        "type": names::socket_type(of.socket_type),
        "protocol": names::protocol(of.protocol),
        "saddr": address(of.source_family, &of.source_address),
        "daddr": address(of.destination_family, &of.destination_address),
        "cookie": of.cookie.to_string(),
        "state": names::state(of.state),
    });
    with_ports(plain, [("sport", of.source_port), ("dport", of.destination_port)])
}

fn skb(connection: Option<Connection>) -> Value {
    let Some(of) = connection else { return json!({}) };
    let plain = json!({
        "family": names::family(of.family),
        "proto": of.protocol,
        "protocol": names::protocol(of.protocol),
        "saddr": address(of.source_family, &of.source_address),
        "daddr": address(of.destination_family, &of.destination_address),
    });
    with_ports(plain, [("sport", of.source_port), ("dport", of.destination_port)])
}

fn sockaddr(connection: Option<Connection>) -> Value {
    let Some(of) = connection else { return json!({}) };
    let plain = json!({
        "family": names::family(of.family),
        "addr": address(of.source_family, &of.source_address),
    });
    with_ports(plain, [("port", of.source_port)])
}

/// With the ports that there are.
fn with_ports<const N: usize>(mut plain: Value, ports: [(&str, u32); N]) -> Value {
    if let Some(out) = plain.as_object_mut() {
        let there = ports.into_iter().filter(|(_, port)| *port != NO_PORT);
        out.extend(there.map(|(key, port)| (key.to_owned(), port.into())));
    }
    plain
}

/// An address as text; empty when there is none.
pub(super) fn address(family: u32, bytes: &[u8; 16]) -> String {
    match family {
        FAMILY_4 => {
            let [a, b, c, d, ..] = *bytes;
            Ipv4Addr::new(a, b, c, d).to_string()
        }
        FAMILY_6 => Ipv6Addr::from(*bytes).to_string(),
        _ => String::new(),
    }
}

/// Bytes as text; what is not UTF-8 becomes U+FFFD, as JSON has no other way.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use quell_wire::WireRecord;
    use rstest::rstest;

    use super::*;

    fn one(arg_type: ArgType, status: ArgStatus, number: u64, bytes: &[u8]) -> Value {
        value(&EventValue { arg_type, status, number, mode: 0, bytes: bytes.to_vec() }, None)
    }

    #[rstest]
    #[case(ArgType::S32, u64::MAX, json!({"int_arg": -1}))]
    #[case(ArgType::Int, 7, json!({"int_arg": 7}))]
    #[case(ArgType::S8, u64::MAX, json!({"int_arg": -1}))]
    #[case(ArgType::U32, 0xffff_ffff, json!({"uint_arg": 4_294_967_295_u64}))]
    #[case(ArgType::S64, u64::MAX, json!({"long_arg": "-1"}))]
    #[case(ArgType::U64, u64::MAX, json!({"size_arg": "18446744073709551615"}))]
    #[case(ArgType::SizeT, 6, json!({"size_arg": "6"}))]
    #[case(ArgType::Capability, 21, json!({"capability_arg": {"value": 21, "name": "CAP_SYS_ADMIN"}}))]
    #[case(ArgType::KernelCap, 0x20_0000, json!({"kernel_cap_t_arg": "0000000000200000"}))]
    #[case(ArgType::CapPermitted, 1, json!({"cap_permitted_arg": "0000000000000001"}))]
    #[case(ArgType::Syscall64, 1, json!({"syscall_id": {"id": 1, "abi": "x64"}}))]
    #[case(ArgType::Syscall64, 0x8000_0004, json!({"syscall_id": {"id": 4, "abi": "i386"}}))]
    #[case(ArgType::Nop, 0, json!({}))]
    fn numbers_are_spelled_by_their_type(#[case] ty: ArgType, #[case] number: u64, #[case] expected: Value) {
        assert_eq!(one(ty, ArgStatus::Ok, number, b""), expected);
    }

    #[rstest]
    #[case(ArgType::String, json!({"string_arg": "a\u{fffd}b"}))]
    #[case(ArgType::Filename, json!({"string_arg": "a\u{fffd}b"}))]
    #[case(ArgType::CharBuf, json!({"bytes_arg": "Yf9i"}))]
    #[case(ArgType::CharIovec, json!({"bytes_arg": "Yf9i"}))]
    #[case(ArgType::File, json!({"file_arg": {"path": "a\u{fffd}b"}}))]
    #[case(ArgType::Fd, json!({"file_arg": {"path": "a\u{fffd}b"}}))]
    #[case(ArgType::Kiocb, json!({"file_arg": {"path": "a\u{fffd}b"}}))]
    #[case(ArgType::Path, json!({"path_arg": {"path": "a\u{fffd}b"}}))]
    #[case(ArgType::Dentry, json!({"path_arg": {"path": "a\u{fffd}b"}}))]
    #[case(ArgType::LinuxBinprm, json!({"linux_binprm_arg": {"path": "a\u{fffd}b"}}))]
    #[case(ArgType::NetDevice, json!({"net_dev_arg": {"name": "a\u{fffd}b"}}))]
    #[case(ArgType::SockaddrUn, json!({"sockaddr_arg": {"family": "AF_UNIX", "addr": "a\u{fffd}b"}}))]
    fn bytes_that_are_not_text_stay_readable_and_buffers_whole(#[case] ty: ArgType, #[case] expected: Value) {
        assert_eq!(one(ty, ArgStatus::Ok, 3, b"a\xffb"), expected);
    }

    #[test]
    fn a_cut_buffer_says_how_long_it_was() {
        let expected = json!({"truncated_bytes_arg": {"bytes_arg": "YQ==", "orig_size": "9000"}});
        assert_eq!(one(ArgType::CharBuf, ArgStatus::Truncated, 9000, b"a"), expected);
        assert_eq!(one(ArgType::CharIovec, ArgStatus::Truncated, 9000, b"a"), expected);
    }

    fn connection() -> Vec<u8> {
        let mut source_address = [0; 16];
        source_address[..4].copy_from_slice(&[127, 0, 0, 1]);
        let mut bytes = Vec::new();
        Connection {
            family: 10,
            socket_type: 1,
            protocol: 6,
            state: 2,
            source_port: 1024,
            destination_port: 443,
            source_family: FAMILY_4,
            destination_family: FAMILY_6,
            source_address,
            destination_address: Ipv6Addr::LOCALHOST.octets(),
            cookie: 9,
        }
        .write(&mut bytes);
        bytes
    }

    #[test]
    fn a_socket_has_both_ends_and_its_state() {
        let expected = json!({"sock_arg": {
            "family": "AF_INET6", "type": "SOCK_STREAM", "protocol": "IPPROTO_TCP", "saddr": "127.0.0.1",
            "daddr": "::1", "sport": 1024, "dport": 443, "cookie": "9", "state": "TCP_SYN_SENT",
        }});
        assert_eq!(one(ArgType::Sock, ArgStatus::Ok, 0, &connection()), expected);
        assert_eq!(one(ArgType::Socket, ArgStatus::Ok, 0, &connection()), expected);
    }

    #[test]
    fn an_address_is_one_end() {
        let expected = json!({"sockaddr_arg": {"family": "AF_INET6", "addr": "127.0.0.1", "port": 1024}});
        assert_eq!(one(ArgType::Sockaddr, ArgStatus::Ok, 0, &connection()), expected);
    }

    #[test]
    fn a_port_that_is_not_there_is_left_out() {
        let mut bytes = Vec::new();
        let of = Connection { source_port: NO_PORT, destination_port: 0, ..Connection::default() };
        of.write(&mut bytes);
        for (ty, key) in [(ArgType::Sock, "sock_arg"), (ArgType::Skb, "skb_arg")] {
            let found = &one(ty, ArgStatus::Ok, 0, &bytes)[key];
            assert_eq!((found.get("sport"), found.get("dport")), (None, Some(&json!(0))), "{ty:?}");
        }
        assert_eq!(one(ArgType::Sockaddr, ArgStatus::Ok, 0, &bytes)["sockaddr_arg"].get("port"), None);
    }

    #[rstest]
    #[case(ArgType::Sock)]
    #[case(ArgType::Skb)]
    #[case(ArgType::Sockaddr)]
    fn what_could_not_be_read_of_a_socket_is_left_empty(#[case] ty: ArgType) {
        let found = one(ty, ArgStatus::KernelFault, 0, b"");
        assert_eq!(found.as_object().unwrap().values().next(), Some(&json!({})));
    }
}
