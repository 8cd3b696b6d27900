#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbar_agent::fuzz;

fuzz_target!(|path: &str| {
    let Some(resolved) = fuzz::resolve(path) else {
        assert!(path.is_empty() || path.contains('\0'));
        return;
    };
    assert!(resolved.starts_with('/') && !resolved.contains('\0'));
    assert!(resolved.split('/').all(|part| part != "." && part != ".."), "{path:?} is {resolved:?}");
    assert!(!resolved.contains("//") && (resolved == "/" || !resolved.ends_with('/')));
    assert_eq!(fuzz::resolve(&resolved).as_deref(), Some(resolved.as_str()));
});
