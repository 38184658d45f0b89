//! What programs print, on this program's own outputs: as it is when one kernel runs it, line by line behind the kernel's name when
//! several do.

use std::io::{self, Write};

use vmtest_proto::OutputStream;

/// A line longer than this is broken: it has to be held until it ends.
const LONGEST_LINE_BYTES: usize = 64 * 1024;

/// Puts a name before every line.
#[derive(Debug)]
pub struct Lines {
    prefix: String,
    unfinished: Vec<u8>,
}

impl Lines {
    /// Lines of the kernel `id`; names are padded to `width` characters.
    #[must_use]
    pub fn new(id: &str, width: usize) -> Self {
        Self { prefix: format!("{id:width$} | "), unfinished: Vec::new() }
    }

    /// Takes a piece and gives the lines that are whole by now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.unfinished.extend_from_slice(bytes);
        let mut lines = Vec::new();
        let whole = match self.unfinished.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => at + 1,
            None => 0,
        };
        let rest = self.unfinished.split_off(whole);
        for line in self.unfinished.split_inclusive(|byte| *byte == b'\n') {
            lines.extend_from_slice(self.prefix.as_bytes());
            lines.extend_from_slice(line);
        }
        self.unfinished = rest;
        if self.unfinished.len() > LONGEST_LINE_BYTES {
            lines.extend(self.finish());
        }
        lines
    }

    /// Gives the last line, if it has no end of its own.
    pub fn finish(&mut self) -> Vec<u8> {
        let line = std::mem::take(&mut self.unfinished);
        if line.is_empty() { line } else { [self.prefix.as_bytes(), &line, b"\n"].concat() }
    }
}

/// Where the output of one guest goes.
#[derive(Debug, Default)]
pub struct Output(Option<[Lines; 2]>);

impl Output {
    /// As it is.
    #[must_use]
    pub fn plain() -> Self {
        Self(None)
    }

    /// Behind the kernel's name.
    #[must_use]
    pub fn named(id: &str, width: usize) -> Self {
        Self(Some([Lines::new(id, width), Lines::new(id, width)]))
    }

    /// Prints a piece at once.
    ///
    /// # Errors
    /// Nobody takes it.
    pub fn print(&mut self, stream: OutputStream, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            None => put(stream, bytes),
            Some(lines) => {
                let lines = lines[index(stream)].push(bytes);
                put(stream, &lines)
            }
        }
    }

    /// Prints what is left of lines that have not ended.
    ///
    /// # Errors
    /// Nobody takes it.
    pub fn finish(&mut self) -> io::Result<()> {
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            if let Some(lines) = &mut self.0 {
                let line = lines[index(stream)].finish();
                put(stream, &line)?;
            }
        }
        Ok(())
    }
}

fn index(stream: OutputStream) -> usize {
    match stream {
        OutputStream::Stdout => 0,
        OutputStream::Stderr => 1,
    }
}

fn put(stream: OutputStream, bytes: &[u8]) -> io::Result<()> {
    fn all(mut to: impl Write, bytes: &[u8]) -> io::Result<()> {
        to.write_all(bytes)?;
        to.flush()
    }
    match stream {
        OutputStream::Stdout => all(io::stdout().lock(), bytes),
        OutputStream::Stderr => all(io::stderr().lock(), bytes),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_line_has_its_kernel_and_an_unfinished_one_waits() {
        let mut lines = Lines::new("6.1", 4);
        assert_eq!(lines.push(b"one\ntw"), b"6.1  | one\n");
        assert_eq!(lines.push(b"o\n\n"), b"6.1  | two\n6.1  | \n");
        assert_eq!(lines.push(b"end"), b"");
        assert_eq!(lines.finish(), b"6.1  | end\n");
        assert_eq!(lines.finish(), b"");
    }

    #[test]
    fn a_line_without_an_end_is_broken() {
        let mut lines = Lines::new("x", 1);
        let piece = vec![b'y'; LONGEST_LINE_BYTES + 1];
        assert_eq!(lines.push(&piece).len(), piece.len() + "x | \n".len());
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_however_it_arrives(
            text in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            cut in 1_usize..20,
        ) {
            let mut lines = Lines::new("k", 1);
            let mut printed = Vec::new();
            for piece in text.chunks(cut) {
                printed.extend(lines.push(piece));
            }
            printed.extend(lines.finish());
            let mut expected = Vec::new();
            for line in text.split_inclusive(|byte| *byte == b'\n') {
                expected.extend(b"k | ");
                expected.extend(line);
            }
            if text.last().is_some_and(|last| *last != b'\n') {
                expected.push(b'\n');
            }
            prop_assert_eq!(printed, expected);
        }
    }
}
