//! The `format` file of a tracepoint (`/sys/kernel/tracing/events/SUBSYSTEM/EVENT/format`): which field is where in its record.
//!
//! Parsing is pure, [`of_running`] reads the file. The text has been the same since Linux 2.6.30; since 5.14 elements of arrays may
//! name a type (`__data_loc`, `__rel_loc` from 5.16 on).

/// The fields of a tracepoint's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// Its name.
    pub name: String,
    /// Its number, by which a perf event opens it.
    pub id: u64,
    /// Its fields in the order of the file, those that all tracepoints have in common first: the positions by which a policy names
    /// them.
    pub fields: Vec<Field>,
}

/// One field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its declaration without the name: `unsigned long`, `const char *`, `char[16]`, `__data_loc char[]`.
    pub declared: String,
    /// Bytes from the start of the record.
    pub offset: u32,
    /// Its bytes in the record.
    pub size: u32,
    /// Whether a number there has a sign.
    pub signed: bool,
    /// What it holds.
    pub content: Content,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A number, a pointer that is one, or a small structure.
    Value,
    /// A pointer.
    Pointer,
    /// Elements in the record itself.
    Array,
    /// 32 bits that say where in the record the elements are: their offset in the low half, their bytes in the high one.
    Located,
    /// The same, with an offset that counts from behind these 32 bits.
    LocatedBehind,
}

/// Why a text is no format of a tracepoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A line that must be there is missing, or has no number.
    #[error("the format has no line `{0}`")]
    Missing(&'static str),
    /// A field that cannot be read.
    #[error("line {line} of the format is not a field: {text}")]
    Field {
        /// Its line, from 1.
        line: usize,
        /// The line.
        text: String,
    },
}

/// Where the events are: tracefs on its own, and, before Linux 4.1 or by habit, below debugfs.
const ROOTS: [&str; 2] = ["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"];

/// Why the running kernel's tracepoint is not known.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its file cannot be read.
    #[error(
        "failed to read the format of tracepoint {subsystem}/{event}; is tracefs mounted at /sys/kernel/tracing?"
    )]
    File {
        /// Its subsystem.
        subsystem: String,
        /// Its name.
        event: String,
        /// Why.
        source: std::io::Error,
    },
    /// Its file is something else.
    #[error("the format of tracepoint {subsystem}/{event} can't be read")]
    Format {
        /// Its subsystem.
        subsystem: String,
        /// Its name.
        event: String,
        /// Why.
        source: FormatError,
    },
}

/// The format of a tracepoint of the running kernel.
///
/// # Errors
/// When tracefs is not mounted, does not have the tracepoint, or says something else.
pub fn of_running(subsystem: &str, event: &str) -> Result<Format, ReadError> {
    let names = || (subsystem.to_owned(), event.to_owned());
    let read = |root: &str| std::fs::read_to_string(format!("{root}/{subsystem}/{event}/format"));
    let text = read(ROOTS[0]).or_else(|first| read(ROOTS[1]).map_err(|_| first));
    let text = text.map_err(|source| {
        let (subsystem, event) = names();
        ReadError::File { subsystem, event, source }
    })?;
    Format::parse(&text).map_err(|source| {
        let (subsystem, event) = names();
        ReadError::Format { subsystem, event, source }
    })
}

impl Format {
    /// Reads the text of a `format` file.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let line = |key: &'static str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            value.map(str::trim).ok_or(FormatError::Missing(key))
        };
        let mut fields = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if let Some(declared) = line.trim_start().strip_prefix("field:") {
                let wrong = || FormatError::Field { line: number + 1, text: line.trim().to_owned() };
                fields.push(field(declared).ok_or_else(wrong)?);
            }
        }
        if fields.is_empty() {
            return Err(FormatError::Missing("field"));
        }
        Ok(Self {
            name: line("name")?.to_owned(),
            id: line("ID")?.parse().map_err(|_| FormatError::Missing("ID"))?,
            fields,
        })
    }

    /// The field at a position of a policy.
    #[must_use]
    pub fn field(&self, position: u8) -> Option<&Field> {
        self.fields.get(usize::from(position))
    }
}

/// `unsigned long args[6]; offset:16; size:48; signed:0;`, with tabs between.
fn field(text: &str) -> Option<Field> {
    let mut parts = text.split(';').map(str::trim);
    let declaration = parts.next()?;
    let (mut offset, mut size, mut signed) = (None, None, false);
    for part in parts {
        match part.split_once(':') {
            Some(("offset", value)) => offset = Some(value.parse::<u32>().ok()?),
            Some(("size", value)) => size = Some(value.parse::<u32>().ok()?),
            Some(("signed", value)) => signed = value != "0",
            _ => {}
        }
    }
    // A record ends somewhere; an offset near the end of numbers would make an end before its start.
    let (offset, size) = (offset?, size?);
    offset.checked_add(size)?;
    let (name, declared) = declaration_parts(declaration)?;
    let content = content(&declared);
    Some(Field { name, declared, offset, size, signed, content })
}

/// The name of a declaration, and the declaration without it. What follows the name is the length of an array, or the parameters of
/// a pointer to a function.
fn declaration_parts(text: &str) -> Option<(String, String)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some((before, behind)) = text.split_once("(*") {
        let end = behind.find(|c| !is_word(c))?;
        let name = behind.get(..end).filter(|name| !name.is_empty())?;
        return Some((name.to_owned(), format!("{before}(*{}", &behind[end..])));
    }
    let head = match text.find('[') {
        // `__data_loc char[] name` has its brackets before the name.
        Some(open) if !text[open..].trim_end().ends_with(is_word) => &text[..open],
        _ => text,
    };
    let head = head.trim_end();
    let inner = head.trim_end_matches(|c| !is_word(c));
    let start = inner.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
    let name = &inner[start..];
    if name.is_empty() || start == 0 {
        return None;
    }
    let (before, behind) = (text[..start].trim_end(), text[inner.len()..].trim());
    let declared = if behind.starts_with('[') || behind.is_empty() {
        format!("{before}{behind}")
    } else {
        format!("{before} {behind}")
    };
    Some((name.to_owned(), declared))
}

fn content(declared: &str) -> Content {
    if declared.starts_with("__data_loc ") {
        Content::Located
    } else if declared.starts_with("__rel_loc ") {
        Content::LocatedBehind
    } else if declared.contains('[') {
        Content::Array
    } else if declared.contains('*') {
        Content::Pointer
    } else {
        Content::Value
    }
}

#[cfg(test)]
#[path = "tracepoint_tests.rs"]
mod tests;
