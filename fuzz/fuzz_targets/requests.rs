#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbar_agent::fuzz;

fuzz_target!(|body: &[u8]| {
    // Either is fine, and takes no longer than its length allows.
    let _ = (fuzz::start_request(body), fuzz::run_request(body), fuzz::batch_request(body));
});
