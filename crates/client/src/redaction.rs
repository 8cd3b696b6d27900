//! Takes secrets out of texts that people read.

use std::collections::BTreeMap;
use std::ops::Range;

use sandbar_protocol::Secret;
use serde_json::Value;

const REPLACEMENT: &str = "[redacted]";
/// The value of a header that is shorter, in bytes, would be found in innocent words.
const MIN_HEADER_BYTES: usize = 8;
/// The same of a variable, or of one of its lines.
const MIN_VARIABLE_BYTES: usize = 4;

/// The secrets that a text must not show. It is applied to whole texts, before anything is cut off: a part of a secret is not
/// found any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redaction(Vec<Secret>);

impl Redaction {
    /// Hides the values of variables.
    pub(crate) fn of_variables(variables: Option<&BTreeMap<String, Secret>>) -> Self {
        let mut redaction = Self::default();
        for value in variables.into_iter().flat_map(BTreeMap::values) {
            redaction.hide_variable(value.expose());
        }
        redaction
    }

    /// Hides a key or token, however short it is.
    pub(crate) fn hide_token(&mut self, token: &str) {
        self.hide(token, 1);
    }

    /// Hides the value of a header.
    pub(crate) fn hide_header(&mut self, value: &str) {
        self.hide(value, MIN_HEADER_BYTES);
    }

    /// Hides the values of the variables in a request's JSON body, wherever they stand.
    pub(crate) fn hide_variables_in(&mut self, body: &Value) {
        let Value::Object(map) = body else { return };
        for (name, value) in map {
            match value {
                Value::Object(variables) if matches!(name.as_str(), "envVars" | "envs" | "env") => {
                    variables.values().filter_map(Value::as_str).for_each(|value| self.hide_variable(value));
                }
                other => self.hide_variables_in(other),
            }
        }
    }

    /// Hides a value, and each of its lines: what prints a key prints it line by line.
    fn hide_variable(&mut self, value: &str) {
        self.hide(value, MIN_VARIABLE_BYTES);
        value.lines().for_each(|line| self.hide(line.trim(), MIN_VARIABLE_BYTES));
    }

    fn hide(&mut self, secret: &str, min_bytes: usize) {
        if secret.len() >= min_bytes && !self.0.iter().any(|known| known.expose() == secret) {
            self.0.push(Secret::new(secret));
        }
    }

    /// The text without the secrets. Where they overlap, all of it goes.
    pub(crate) fn apply(&self, text: &str) -> String {
        let found = self.0.iter().flat_map(|secret| text.match_indices(secret.expose()));
        let mut found: Vec<Range<usize>> = found.map(|(start, secret)| start..start + secret.len()).collect();
        found.sort_unstable_by_key(|range| range.start);
        let mut shown = String::with_capacity(text.len());
        let mut end = 0;
        for Range { start, end: next } in found {
            if start >= end {
                shown.push_str(text.get(end..start).unwrap_or_default());
                shown.push_str(REPLACEMENT);
            }
            end = end.max(next);
        }
        shown.push_str(text.get(end..).unwrap_or_default());
        shown
    }

    /// The same of all texts in a value, names included.
    pub(crate) fn apply_to(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.apply(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.apply_to(item)).collect(),
            Value::Object(map) => {
                map.into_iter().map(|(name, value)| (self.apply(&name), self.apply_to(value))).collect()
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hiding(values: &[&str]) -> Redaction {
        let variables = values.iter().enumerate().map(|(index, value)| (index.to_string(), Secret::new(*value)));
        Redaction::of_variables(Some(&variables.collect()))
    }

    #[test]
    fn a_value_within_another_leaves_no_rest_of_it() {
        for values in [["pass", "pass-rest"], ["pass-rest", "pass"]] {
            assert_eq!(hiding(&values).apply("a pass-rest, a pass"), "a [redacted], a [redacted]");
        }
    }

    #[test]
    fn values_that_overlap_go_together() {
        assert_eq!(hiding(&["abcdef", "defghi"]).apply("_abcdefghi_"), "_[redacted]_");
    }

    #[test]
    fn values_side_by_side_are_each_replaced() {
        assert_eq!(hiding(&["abcd", "efgh"]).apply("abcdefgh"), "[redacted][redacted]");
    }

    #[test]
    fn each_line_of_a_value_is_hidden() {
        let redaction = hiding(&["-----BEGIN KEY-----\r\nMIIEvQIB\nADANBg==\n-----END KEY-----\n"]);
        assert_eq!(redaction.apply("1: MIIEvQIB\n2: ADANBg=="), "1: [redacted]\n2: [redacted]");
        assert_eq!(redaction.apply(r"MIIEvQIB\nADANBg=="), r"[redacted]\n[redacted]");
    }

    #[test]
    fn short_values_stand_in_texts_by_chance() {
        assert_eq!(hiding(&["1", "abc", ""]).apply("1 abc"), "1 abc");
    }

    #[test]
    fn a_key_is_hidden_however_short_it_is() {
        let mut redaction = Redaction::default();
        redaction.hide_token("k");
        redaction.hide_token("");
        assert_eq!(redaction.apply("a k"), "a [redacted]");
    }

    #[test]
    fn all_texts_of_a_value_are_redacted() {
        let body = json!({"message": "no abcd", "abcd": ["abcd", 7, {"a": "xabcdx"}]});
        let redacted = json!({"message": "no [redacted]", "[redacted]": ["[redacted]", 7, {"a": "x[redacted]x"}]});
        assert_eq!(hiding(&["abcd"]).apply_to(body), redacted);
    }

    #[test]
    fn variables_are_found_in_the_bodies_of_requests() {
        let mut redaction = Redaction::default();
        for body in [
            json!({"templateID": "base", "envVars": {"A": "create-me"}}),
            json!({"process": {"cmd": "ls", "envs": {"A": "start-me"}}}),
            json!({"cmd": "ls", "env": {"A": "run-me"}}),
        ] {
            redaction.hide_variables_in(&body);
        }
        assert_eq!(redaction.apply("create-me start-me run-me ls base"), "[redacted] [redacted] [redacted] ls base");
    }
}
