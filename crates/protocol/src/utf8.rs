/// How many of these bytes can be passed on without cutting a character of UTF-8 in two: the rest, 3 bytes at most, waits
/// for what comes next. Bytes that are no UTF-8 never wait.
pub fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let Some(start) = bytes.iter().skip(tail).rposition(|byte| *byte & 0b1100_0000 != 0b1000_0000) else {
        return bytes.len();
    };
    let start = tail + start;
    match std::str::from_utf8(bytes.get(start..).unwrap_or_default()) {
        // It has no length where the text only ends too early.
        Err(error) if error.valid_up_to() == 0 && error.error_len().is_none() => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_cut_in_two() {
        for character in ["a", "é", "€", "😀"] {
            let text = format!("x{character}");
            for cut in 1..text.len() {
                assert_eq!(whole_characters(&text.as_bytes()[..cut]), 1, "{character} at {cut}");
            }
            assert_eq!(whole_characters(text.as_bytes()), text.len());
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_not_wait() {
        assert_eq!(whole_characters(b""), 0);
        assert_eq!(whole_characters(b"\xff"), 1);
        assert_eq!(whole_characters(b"\x80\x80\x80\x80\x80"), 5);
        assert_eq!(whole_characters(b"\xe2\x28"), 2);
    }
}
