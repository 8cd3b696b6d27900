/// Finds `~.` at the beginning of a line in what is typed, as `ssh` does. `~~` stands for one `~`.
#[derive(Debug, Default)]
pub(super) struct Escape {
    place: Place,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    LineBegin,
    AfterTilde,
    WithinLine,
}

/// What typed bytes come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// What is for the process.
    pub(super) bytes: Vec<u8>,
    /// Whether `~.` was among them; what came after it is dropped.
    pub(super) detaches: bool,
}

impl Escape {
    /// Takes in what was typed. A `~` that may become `~.` is held back.
    pub(super) fn take(&mut self, typed: &[u8]) -> Typed {
        let mut bytes = Vec::with_capacity(typed.len() + 1);
        for byte in typed {
            match (self.place, byte) {
                (Place::LineBegin, b'~') => {
                    self.place = Place::AfterTilde;
                    continue;
                }
                (Place::AfterTilde, b'.') => return Typed { bytes, detaches: true },
                (Place::AfterTilde, b'~') => {}
                (Place::AfterTilde, _) => bytes.push(b'~'),
                _ => {}
            }
            bytes.push(*byte);
            self.place = if matches!(byte, b'\r' | b'\n') { Place::LineBegin } else { Place::WithinLine };
        }
        Typed { bytes, detaches: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes through of pieces, and whether they detach.
    fn take(pieces: &[&str]) -> (String, bool) {
        let mut escape = Escape::default();
        let mut through = String::new();
        for piece in pieces {
            let typed = escape.take(piece.as_bytes());
            through.push_str(std::str::from_utf8(&typed.bytes).unwrap());
            if typed.detaches {
                return (through, true);
            }
        }
        (through, false)
    }

    #[test]
    fn it_detaches_at_the_beginning_of_a_line_only() {
        for (pieces, through) in
            [(&["~."][..], ""), (&["~", "."], ""), (&["ls\r~.rest"], "ls\r"), (&["ls\n", "~", ".x"], "ls\n")]
        {
            assert_eq!(take(pieces), (through.to_owned(), true), "{pieces:?}");
        }
        for text in ["ls ~.", "a~.\r", "\x1b[A~."] {
            assert_eq!(take(&[text]), (text.to_owned(), false));
        }
    }

    #[test]
    fn other_tildes_come_through() {
        assert_eq!(take(&["~/bin\r"]), ("~/bin\r".to_owned(), false));
        assert_eq!(take(&["~", "\r~", "a"]), ("~\r~a".to_owned(), false));
        assert_eq!(take(&["~~.\r"]), ("~.\r".to_owned(), false), "two stand for one");
    }
}
