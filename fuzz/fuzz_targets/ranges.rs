#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbar_agent::fuzz;

fuzz_target!(|input: (&str, u64)| {
    let (range, size) = input;
    for range in [range.to_owned(), format!("bytes={range}")] {
        if let Some((start, length)) = fuzz::range(&range, size) {
            assert!(length > 0 && start < size && length <= size - start, "{range:?} of {size}");
        }
    }
});
