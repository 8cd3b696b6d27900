#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbar_agent::fuzz;

fuzz_target!(|input: (Vec<u8>, usize)| {
    let (bytes, cut) = input;
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    let whole = fuzz::frames(&[&bytes]);
    assert_eq!(whole, fuzz::frames(&[first, second]));
    let one_by_one: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(whole, fuzz::frames(&one_by_one));
    assert_eq!(fuzz::frames(&[&fuzz::message(&bytes)]), (vec![(false, bytes)], false));
});
