//! What an event has to hold: a part of its JSON, compared key by key.

use serde_json::Value;

use crate::scenario::PRESENT;

/// One sentence for every event that does not hold what it should, and for every one that is missing.
pub(super) fn differences(expected: &[Value], events: &[Value]) -> Vec<String> {
    expected
        .iter()
        .enumerate()
        .filter_map(|(index, part)| match events.get(index) {
            None => Some(format!("event {index} should hold {part}, but there is no such event")),
            Some(event) => difference(part, event, "")
                .map(|place| format!("event {index} should hold {part}, but differs at `{place}`: {event}")),
        })
        .collect()
}

/// Where the event does not hold what it should; `None` when it does.
fn difference(expected: &Value, event: &Value, place: &str) -> Option<String> {
    match (expected, event) {
        (Value::Object(keys), Value::Object(_)) => keys.iter().find_map(|(key, value)| {
            difference(value, event.get(key).unwrap_or(&Value::Null), &format!("{place}/{key}"))
        }),
        // Of a list everything counts: one element more is another list.
        (Value::Array(all), Value::Array(seen)) if all.len() == seen.len() => all
            .iter()
            .zip(seen)
            .enumerate()
            .find_map(|(index, (value, seen))| difference(value, seen, &format!("{place}/{index}"))),
        (Value::String(text), seen) if text == PRESENT => is_empty(seen).then(|| place.to_owned()),
        (value, seen) => (value != seen).then(|| place.to_owned()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(keys) => keys.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::part(json!({"a": 1}), json!({"a": 1, "b": 2}), None)]
    #[case::nothing(json!({}), json!({"a": 1}), None)]
    #[case::other(json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), Some("/a/b"))]
    #[case::absent(json!({"a": 1}), json!({}), Some("/a"))]
    #[case::list(json!({"a": [{"b": 1}, {}]}), json!({"a": [{"b": 1, "c": 1}, {"d": 1}]}), None)]
    #[case::longer_list(json!([1]), json!([1, 2]), Some(""))]
    #[case::element(json!([1, 3]), json!([1, 2]), Some("/1"))]
    #[case::present(json!({"a": "$present"}), json!({"a": ["frame"]}), None)]
    #[case::empty(json!({"a": "$present"}), json!({"a": []}), Some("/a"))]
    #[case::not_present(json!({"a": "$present"}), json!({}), Some("/a"))]
    #[case::another_kind(json!({"a": {}}), json!({"a": 1}), Some("/a"))]
    fn an_event_holds_what_is_expected_of_it(
        #[case] part: Value,
        #[case] event: Value,
        #[case] at: Option<&str>,
    ) {
        assert_eq!(difference(&part, &event, "").as_deref(), at);
    }

    #[test]
    fn an_event_that_is_missing_is_a_difference() {
        assert_eq!(differences(&[json!({})], &[json!({})]).len(), 0);
        assert_eq!(differences(&[json!({}), json!({})], &[json!({})]).len(), 1);
    }
}
