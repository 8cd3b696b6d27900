#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbar_engine::fuzz;

fuzz_target!(|input: (&str, &[u8])| {
    let (host, cookies) = input;
    for host in [host.to_owned(), format!("3000-sb-{host}"), format!("{host}-sb-a.localhost")] {
        if let Some((port, id)) = fuzz::preview_host(&host) {
            assert!(port > 0);
            assert!(id.starts_with("sb-") && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{id}");
        }
    }
    if let Some((found, left)) = fuzz::take_cookie(cookies) {
        assert!(!found, "a cookie was guessed");
        assert_eq!(fuzz::take_cookie(&left), Some((false, left)), "taken out twice");
    }
});
