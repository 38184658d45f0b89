//! One policy through everything that keeps its meaning: encoded twice, decoded, written as text and compiled again.

use std::error::Error;

use quell::policy::ast::Policy;
use quell::selector::{canonical, document};

use crate::prepare::policy as parse;

/// What is not the same; nothing when all is.
///
/// # Errors
/// What differs, in one line.
pub fn check(policy: &Policy) -> Result<(), String> {
    let failed = |what: &str, error: &dyn Error| format!("{what}: {}", chain(error));
    let encoded =
        document::encode(policy).map_err(|error| failed("it compiled and can't be encoded", &error))?;
    let again = document::encode(policy).map_err(|error| failed("it can't be encoded twice", &error))?;
    let text = encoded.to_json().map_err(|error| failed("its encoding can't be written", &error))?;
    if again.to_json().ok().as_ref() != Some(&text) {
        return Err("encoding it twice gives two different encodings".to_owned());
    }
    let read = document::Document::from_json(text.as_bytes())
        .map_err(|error| failed("its encoding can't be read", &error))?;
    let decoded = read.policy().map_err(|error| failed("its encoding can't be decoded", &error))?;
    let meant = canonical::policy(&policy.clone().without_spans());
    let decoded = decoded.without_spans();
    if decoded != meant {
        return Err(format!("decoding gives another policy:\n{decoded:?}\ninstead of\n{meant:?}"));
    }
    let written = quell::policy::yaml::print(policy);
    let reread = parse(&written).map_err(|error| failed("its own text is refused", &error))?;
    if reread.clone().without_spans() != policy.clone().without_spans() {
        return Err(format!("its own text is another policy:\n{written}"));
    }
    let recompiled =
        document::encode(&reread).map_err(|error| failed("its own text can't be encoded", &error))?;
    if recompiled.to_json().ok().as_ref() != Some(&text) {
        return Err(format!("its own text has another encoding:\n{written}"));
    }
    Ok(())
}

/// An error with its reasons.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
