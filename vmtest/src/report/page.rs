//! The run as one page of HTML that needs no network: a heat map kernel × scenario, and everything that is known about a cell.
//!
//! The page is a fixed shell; what is particular to a run is one block of JSON in it, which its script lays out as text. So
//! nothing that a scenario, a kernel or an enforcer says can become markup.

pub mod data;

use crate::report::view::RunView;

const SHELL: &str = include_str!("page/shell.html");
const STYLE: &str = include_str!("page/style.css");
/// In the order in which they build on each other; together they are one script.
const SCRIPTS: [&str; 5] = [
    include_str!("page/base.js"),
    include_str!("page/grid.js"),
    include_str!("page/detail.js"),
    include_str!("page/filter.js"),
    include_str!("page/main.js"),
];

/// Places of the shell that are filled in.
const PLACES: [&str; 3] = ["{{style}}", "{{data}}", "{{script}}"];

/// Why the page can't be rendered.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the page's data as JSON: {0}")]
pub struct PageError(#[from] serde_json::Error);

/// Renders the page.
///
/// # Errors
/// The data has no JSON form, which for text, numbers and lists of them does not happen.
pub fn render(view: &RunView) -> Result<String, PageError> {
    let data = inert(&serde_json::to_string(&data::of(view))?);
    let script = format!("'use strict';\n(() => {{\n{}\n}})();", SCRIPTS.concat());
    let mut page = String::new();
    let mut rest = SHELL;
    // One pass, so that no part of one filling is taken for the place of another.
    for (place, filling) in PLACES.iter().zip([STYLE, &data, &script]) {
        let (before, after) = rest.split_once(place).unwrap_or((rest, ""));
        page.push_str(before);
        page.push_str(filling);
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

/// JSON without any character that means something in HTML: it stays one block of text whatever it holds.
fn inert(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        event::RunEvent,
        outcome::Outcome,
        testing::{RunScript, good_record},
    };

    /// The block of data in a page.
    fn block(page: &str) -> &str {
        let (_, rest) = page.split_once("<script type=\"application/json\" id=\"run\">").unwrap();
        rest.split_once("</script>").unwrap().0
    }

    fn page_with(reason: &str) -> String {
        let mut script = RunScript::new(&["k/s/a@none"]);
        script.finish("k/s/a@none", Outcome::Failed(vec![reason.to_owned()])).end();
        render(&script.view()).unwrap()
    }

    #[test]
    fn the_shell_has_each_place_once_and_in_order() {
        let at: Vec<usize> = PLACES.iter().map(|place| SHELL.find(place).unwrap()).collect();
        assert!(at.is_sorted());
        assert!(PLACES.iter().all(|place| SHELL.matches(place).count() == 1));
    }

    #[test]
    fn the_page_asks_nothing_of_any_network() {
        let page = page_with("x");
        for word in ["http:", "https:", "src=", "@import", "url(", "fetch(", "XMLHttpRequest", "import("] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn the_number_of_scripts_does_not_depend_on_what_a_run_says() {
        let hostile = "</script><script>window.hostile = 1</script><!-- <img src=x onerror=alert(1)> {{script}} {{style}}";
        let page = page_with(hostile);
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script").count(), 2);
        assert!(!page.contains("<!-- <img"), "a comment that is not closed would swallow the page");
        let data: serde_json::Value = serde_json::from_str(block(&page)).unwrap();
        assert_eq!(data["cells"][0]["reasons"][0], hostile);
    }

    #[test]
    fn two_thousand_cells_stay_below_eight_megabytes() {
        let names: Vec<String> = (0..10)
            .flat_map(|kernel| (0..200).map(move |row| format!("6.{kernel}/area/scenario-{row}@ext4")))
            .collect();
        let mut script = RunScript::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let event = serde_json::json!({"process_kprobe": {"function_name": "x".repeat(800)}});
        for name in &names {
            let cell: crate::cell::CellId = name.parse().unwrap();
            script.push(RunEvent::CellStarted { cell: cell.clone() });
            for phase in
                ["control_before", "attach", "act", "observe", "bystander", "detach", "control_after"]
            {
                script.push(RunEvent::CellPhase { cell: cell.clone(), phase: phase.to_owned() });
            }
            let mut record = good_record();
            record.shown_events = vec![event.clone()];
            script.record(name, Outcome::Passed, record);
        }
        let page = render(&script.end().view()).unwrap();
        assert!(page.len() < 8_000_000, "{} bytes", page.len());
    }

    proptest! {
        #[test]
        fn whatever_a_reason_holds_is_read_back_as_text(reason in any::<String>()) {
            let page = page_with(&reason);
            let data: serde_json::Value = serde_json::from_str(block(&page)).unwrap();
            prop_assert_eq!(&data["cells"][0]["reasons"][0], &serde_json::Value::String(reason));
        }
    }
}
