/// Cuts output so that no piece ends within a character.
#[derive(Debug, Default)]
pub(super) struct WholeCharacters {
    held: Vec<u8>,
}

impl WholeCharacters {
    /// What can be passed on by now; up to 3 bytes wait for the rest of their character.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.held);
        all.extend_from_slice(bytes);
        self.held = all.split_off(whole(&all));
        all
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

/// How many bytes do not belong to a character that is cut off. What is no UTF-8 at all does not wait.
fn whole(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    let is_start = |byte: &u8| *byte & 0b1100_0000 != 0b1000_0000;
    let Some(offset) = bytes.get(from..).and_then(|tail| tail.iter().rposition(is_start)) else { return bytes.len() };
    let start = from + offset;
    match bytes.get(start..).map(std::str::from_utf8) {
        // No length: the text only ends too early.
        Some(Err(error)) if error.valid_up_to() == 0 && error.error_len().is_none() => start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_waits_for_its_rest() {
        let text = "a😀é";
        let mut whole = WholeCharacters::default();
        let pieces: Vec<_> = text.as_bytes().iter().map(|byte| whole.push(&[*byte])).collect();
        let texts: Vec<_> = pieces.iter().map(|piece| std::str::from_utf8(piece).unwrap()).collect();
        assert_eq!(texts, ["a", "", "", "", "😀", "", "é"]);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_wait() {
        let mut whole = WholeCharacters::default();
        assert_eq!(whole.push(b"\xff\x80\x80\x80"), b"\xff\x80\x80\x80");
        assert_eq!(whole.push(b"a\xe2\x82"), b"a");
        assert_eq!(whole.finish(), b"\xe2\x82");
        assert_eq!(whole.finish(), b"");
    }
}
