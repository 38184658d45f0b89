//! Formats of tracepoints: those of real kernels word by word, and whatever else a text can be.

use std::fmt::Write;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const SYS_ENTER: &str = "name: sys_enter
ID: 367
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:long id;	offset:8;	size:8;	signed:1;
	field:unsigned long args[6];	offset:16;	size:48;	signed:0;

print fmt: \"NR %ld (%lx, %lx, %lx, %lx, %lx, %lx)\", REC->id, REC->args[0], REC->args[1], REC->args[2], REC->args[3], REC->args[4], REC->args[5]
";

#[test]
fn fields_count_in_the_order_of_the_file_with_the_common_ones() {
    let format = Format::parse(SYS_ENTER).unwrap();
    assert_eq!((format.name.as_str(), format.id, format.fields.len()), ("sys_enter", 367, 6));
    let id = format.field(4).unwrap();
    let expected = Field {
        name: "id".to_owned(),
        declared: "long".to_owned(),
        offset: 8,
        size: 8,
        signed: true,
        content: Content::Value,
    };
    assert_eq!(*id, expected);
    let args = format.field(5).unwrap();
    assert_eq!(
        (args.name.as_str(), args.declared.as_str(), args.content),
        ("args", "unsigned long[6]", Content::Array)
    );
    assert_eq!((args.offset, args.size, args.signed), (16, 48, false));
    assert_eq!(format.field(6), None);
}

#[rstest]
#[case("char comm[16]", "comm", "char[16]", Content::Array)]
#[case("char comm[TASK_COMM_LEN]", "comm", "char[TASK_COMM_LEN]", Content::Array)]
#[case("u8 comm[(16)]", "comm", "u8[(16)]", Content::Array)]
#[case("const char * filename", "filename", "const char *", Content::Pointer)]
#[case("const char *const * argv", "argv", "const char *const *", Content::Pointer)]
#[case("struct sk_buff *skb", "skb", "struct sk_buff *", Content::Pointer)]
#[case("void (*func)(struct work_struct *)", "func", "void (*)(struct work_struct *)", Content::Pointer)]
#[case("__data_loc char[] filename", "filename", "__data_loc char[]", Content::Located)]
#[case("__rel_loc unsigned char[] buf", "buf", "__rel_loc unsigned char[]", Content::LocatedBehind)]
#[case("__u8 saddr_v6[16]", "saddr_v6", "__u8[16]", Content::Array)]
#[case("unsigned long long ino", "ino", "unsigned long long", Content::Value)]
#[case("enum migrate_mode mode", "mode", "enum migrate_mode", Content::Value)]
fn declarations_of_kernels_are_read(
    #[case] declaration: &str,
    #[case] name: &str,
    #[case] declared: &str,
    #[case] content: Content,
) {
    let text = format!("name: x\nID: 1\nformat:\n\tfield:{declaration};\toffset:8;\tsize:8;\tsigned:0;\n");
    let format = Format::parse(&text).unwrap();
    let field = format.field(0).unwrap();
    assert_eq!((field.name.as_str(), field.declared.as_str(), field.content), (name, declared, content));
}

#[rstest]
#[case("", FormatError::Missing("field"))]
#[case("ID: 1\n\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;\n", FormatError::Missing("name"))]
#[case("name: x\n\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;\n", FormatError::Missing("ID"))]
#[case("name: x\nID: many\n\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;\n", FormatError::Missing("ID"))]
#[case(
    "name: x\nID: 1\n\tfield:int a;\toffset:0;\n",
    FormatError::Field { line: 3, text: "field:int a;\toffset:0;".to_owned() }
)]
#[case(
    "name: x\nID: 1\n\tfield:a;\toffset:0;\tsize:4;\n",
    FormatError::Field { line: 3, text: "field:a;\toffset:0;\tsize:4;".to_owned() }
)]
#[case(
    "name: x\nID: 1\n\tfield:int a;\toffset:4294967295;\tsize:4;\n",
    FormatError::Field { line: 3, text: "field:int a;\toffset:4294967295;\tsize:4;".to_owned() }
)]
fn what_is_no_format_says_where(#[case] text: &str, #[case] expected: FormatError) {
    assert_eq!(Format::parse(text), Err(expected));
}

/// A declaration with its name and what it is without.
fn declarations() -> impl Strategy<Value = (String, String, String)> {
    let name = "[a-z_][a-z0-9_]{0,20}";
    let types = prop_oneof![
        Just("int"),
        Just("unsigned long"),
        Just("const char *"),
        Just("struct path *"),
        Just("__data_loc char[]"),
        Just("__rel_loc u8[]"),
    ];
    let plain =
        (types, name).prop_map(|(ty, name): (&str, String)| (format!("{ty} {name}"), name, ty.to_owned()));
    let array = ("(char|u8|unsigned long)", name, 1_u32..4096)
        .prop_map(|(ty, name, length)| (format!("{ty} {name}[{length}]"), name, format!("{ty}[{length}]")));
    prop_oneof![plain, array]
}

proptest! {
    #[test]
    fn a_format_is_read_as_it_was_written(
        fields in prop::collection::vec((declarations(), 0_u32..1 << 20, 0_u32..1 << 12, any::<bool>()), 1..24),
        id in any::<u64>(),
    ) {
        let mut text = format!("name: event\nID: {id}\nformat:\n");
        for (position, ((declaration, ..), offset, size, signed)) in fields.iter().enumerate() {
            if position == 4 {
                text.push('\n');
            }
            let signed = u8::from(*signed);
            writeln!(text, "\tfield:{declaration};\toffset:{offset};\tsize:{size};\tsigned:{signed};").unwrap();
        }
        text.push_str("\nprint fmt: \"field:%d\", REC->a\n");
        let format = Format::parse(&text).unwrap();
        prop_assert_eq!(format.id, id);
        prop_assert_eq!(format.fields.len(), fields.len());
        for (read, ((_, name, declared), offset, size, signed)) in format.fields.iter().zip(&fields) {
            prop_assert_eq!((&read.name, &read.declared), (name, declared));
            prop_assert_eq!((read.offset, read.size, read.signed), (*offset, *size, *signed));
        }
    }

    #[test]
    fn no_text_is_more_than_an_error(text in "(\t?(field:|name:|ID:)?[ -~\t;:\\[\\]*]{0,60}\n){0,8}") {
        if let Ok(format) = Format::parse(&text) {
            prop_assert!(!format.fields.is_empty());
            prop_assert!(format.fields.iter().all(|field| !field.name.is_empty() && !field.declared.is_empty()));
        }
    }
}
