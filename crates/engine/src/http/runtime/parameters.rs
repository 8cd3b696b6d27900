//! Parameters of a query that the engine reads by itself, and their removal.

/// The parameter's value, decoded; an error if it stands there more than once, as who reads it next might take another.
pub(super) fn only(query: &str, name: &str) -> Result<Option<String>, MoreThanOne> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    let value = values.next().map(|(_, value)| value.into_owned());
    if values.next().is_some() { Err(MoreThanOne) } else { Ok(value) }
}

/// A parameter stands in the query more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MoreThanOne;

pub(super) fn has(query: &str, name: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key == name)
}

/// The query without these parameters, the others as they are written.
pub(super) fn without(query: &str, names: &[&str]) -> String {
    let is_kept = |part: &&str| !names.iter().any(|name| has(part, name));
    query.split('&').filter(is_kept).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_parameter_is_read_as_forms_write_it() {
        assert_eq!(only("a=1&path=%2Fa+b%2B&c", "path"), Ok(Some("/a b+".to_owned())));
        assert_eq!(only("p%61th=x", "path"), Ok(Some("x".to_owned())));
        assert_eq!(only("path", "path"), Ok(Some(String::new())));
        assert_eq!(only("a=1", "path"), Ok(None));
        assert_eq!(only("path=a&p%61th=b", "path"), Err(MoreThanOne));
    }

    #[test]
    fn what_is_left_is_written_as_it_was() {
        assert_eq!(without("a=%2F+%2f&signature=x&b", &["signature"]), "a=%2F+%2f&b");
        assert_eq!(without("sign%61ture=x&signature_expiration=1", &["signature"]), "signature_expiration=1");
        assert_eq!(without("signature=x&signature", &["signature"]), "");
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_parameter_is_left(query in "(([a-c]|%6[1-3]|%61%62|[=&+%])){0,24}") {
            prop_assert!(!has(&without(&query, &["a", "ab"]), "a"));
            prop_assert!(!has(&without(&query, &["a", "ab"]), "ab"));
        }

        #[test]
        fn other_parameters_stay(query in "([a-c]|%6[1-3]|[=&+%]){0,24}") {
            let others = |query: &str| -> Vec<(String, String)> {
                let all = form_urlencoded::parse(query.as_bytes()).into_owned();
                all.filter(|(name, _)| name != "a").collect()
            };
            prop_assert_eq!(others(&without(&query, &["a"])), others(&query));
        }
    }
}
