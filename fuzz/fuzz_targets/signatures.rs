#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbar_engine::fuzz;

fuzz_target!(|input: (&str, &str, &str, Option<i64>)| {
    let (query, path, username, expiration) = input;
    assert!(!fuzz::is_signed(query), "{query:?} was let through");
    let left = fuzz::without_signature(query);
    assert!(!fuzz::has(&left, "signature") && !fuzz::has(&left, "signature_expiration"), "{query:?} left {left:?}");
    let signed = fuzz::signed_query(path, username, expiration);
    let is_over = expiration.is_some_and(|end| end <= 0);
    assert_eq!(fuzz::is_signed(&signed), !is_over && !username.contains(':'), "{signed}");
    // A parameter more that the signature is about, in whatever spelling.
    if ["path", "username", "signature", "signature_expiration"].iter().any(|name| fuzz::has(query, name)) {
        let forged = format!("{signed}&{query}");
        assert!(!fuzz::is_signed(&forged) || forged == signed, "{forged}");
    }
});
