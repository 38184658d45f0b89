//! Sketch → policy text.

use std::fmt::Write;

use super::{ArgSketch, EntrySketch, Point, Sketch};

impl Sketch {
    /// The policy's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::from(
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: generated\nspec:\n",
        );
        if self.text_has("action: NotifyEnforcer") {
            out.push_str("  enforcers:\n  - calls: [__x64_sys_write]\n");
        }
        // Writing to a String cannot fail, here and below.
        let _ = match self.point {
            Point::Function => {
                write!(out, "  kprobes:\n  - call: security_file_permission\n    syscall: false\n")
            }
            Point::Syscall => write!(out, "  kprobes:\n  - call: __x64_sys_write\n    syscall: true\n"),
            Point::Tracepoint => {
                write!(out, "  tracepoints:\n  - subsystem: sched\n    event: sched_switch\n")
            }
            Point::Lsm => write!(out, "  lsmhooks:\n  - hook: file_open\n"),
            Point::Fentry => write!(out, "  fentries:\n  - call: security_file_open\n    syscall: false\n"),
            Point::Functions => write!(
                out,
                "  lists:\n  - {{name: reads, type: generated_ftrace, pattern: \"^vfs_read\"}}\n  kprobes:\n  - call: list:reads\n    \
                 syscall: false\n"
            ),
            Point::CompatSyscall => write!(out, "  kprobes:\n  - call: i386/sys_write\n"),
            Point::RawTracepoint => {
                write!(out, "  tracepoints:\n  - subsystem: sched\n    event: sched_switch\n    raw: true\n")
            }
            Point::Program => write!(out, "  uprobes:\n  - path: /bin/bash\n    symbols: [readline]\n"),
            Point::StaticProbe => {
                write!(out, "  usdts:\n  - path: /bin/bash\n    provider: bash\n    name: line\n")
            }
        };
        if let Some(ty) = self.returned {
            let _ = write!(out, "    return: true\n    returnArg: {{index: 0, type: {}}}\n", ty.name());
        }
        for line in &self.extras {
            let _ = writeln!(out, "    {line}");
        }
        if !self.args.is_empty() {
            out.push_str("    args:\n");
        }
        for ArgSketch { index, ty, size } in &self.args {
            let size = size.map(|size| format!(", sizeArgIndex: {}", size + 1)).unwrap_or_default();
            let _ = writeln!(out, "    - {{index: {index}, type: {}{size}}}", ty.name());
        }
        if !self.selectors.is_empty() {
            out.push_str("    selectors:\n");
        }
        for selector in &self.selectors {
            // A selector without a key is null, and that is no selector.
            let mut indent = "    - ";
            if let Some(label) = &selector.label {
                let _ = writeln!(out, "{indent}label: {label}");
                indent = "      ";
            }
            if selector.required {
                let _ = writeln!(out, "{indent}required: true");
                indent = "      ";
            }
            for section in &selector.sections {
                let _ = writeln!(out, "{indent}{}:", section.key);
                indent = "      ";
                for entry in &section.entries {
                    entry.write(&mut out);
                }
                if section.entries.is_empty() {
                    out.truncate(out.len() - 1);
                    out.push_str(" []\n");
                }
            }
            if indent == "    - " {
                out.push_str("    - matchActions: []\n");
            }
        }
        out
    }
}

impl Sketch {
    fn text_has(&self, head: &str) -> bool {
        let sections = self.selectors.iter().flat_map(|selector| &selector.sections);
        sections.flat_map(|section| &section.entries).any(|entry| entry.head.starts_with(head))
    }
}

impl EntrySketch {
    fn write(&self, out: &mut String) {
        out.push_str("      - {");
        out.push_str(&self.head);
        if !self.values.is_empty() {
            out.push_str(", values: [");
            for (position, value) in self.values.iter().enumerate() {
                if position > 0 {
                    out.push_str(", ");
                }
                out.push_str(value);
            }
            out.push(']');
        }
        out.push_str("}\n");
    }
}
