use sandbar_protocol::whole_characters;

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
        self.held = all.split_off(whole_characters(&all));
        all
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
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
