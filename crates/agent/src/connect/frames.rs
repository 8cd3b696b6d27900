use crate::problem::Problem;

/// The payload is compressed.
const COMPRESSED: u8 = 0x01;
/// The payload says how the stream ended.
const END: u8 = 0x02;
const HEADER: usize = 5;
/// The largest payload that is taken, in bytes.
const MAX_PAYLOAD: usize = 32 * 1024 * 1024;

/// A message, or the end, of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) is_end: bool,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The bytes of a message.
    pub(crate) fn message(payload: &[u8]) -> Vec<u8> {
        encode(0, payload)
    }

    /// The bytes of the end of a stream: `{}`, or why it failed.
    pub(crate) fn end(payload: &[u8]) -> Vec<u8> {
        encode(END, payload)
    }
}

fn encode(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.push(flags);
    // Payloads are made here, and far smaller than 4 GiB.
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Cuts bytes, as they come, into frames.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pending: Vec<u8>,
}

impl Decoder {
    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
    }

    /// The next whole frame, if it is there.
    ///
    /// # Errors
    /// If it is compressed or too large: nothing after it can be read either.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Problem> {
        let Some((header, rest)) = self.pending.split_first_chunk::<HEADER>() else { return Ok(None) };
        let [flags, length @ ..] = *header;
        if flags & COMPRESSED != 0 {
            return Err(Problem::invalid(
                "the frame is compressed: compress the whole body by Content-Encoding instead",
            ));
        }
        if flags & !END != 0 {
            return Err(Problem::invalid(format!("the frame has unknown flags, {flags:#04x}")));
        }
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_PAYLOAD {
            return Err(Problem::invalid(format!("the frame has {length} bytes: {MAX_PAYLOAD} are the most")));
        }
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        let frame = Frame { is_end: flags & END != 0, payload: payload.to_vec() };
        self.pending.drain(..HEADER + length);
        Ok(Some(frame))
    }

    /// Whether there is a beginning of a frame whose rest is missing.
    pub(crate) fn is_cut(&self) -> bool {
        !self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The frames in bytes that come in these parts, and whether what follows can't be read.
    fn read<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, bool) {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for part in parts {
            decoder.push(part);
            loop {
                match decoder.next() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(_) => return (frames, true),
                }
            }
        }
        (frames, false)
    }

    proptest! {
        #[test]
        fn any_bytes_are_the_same_frames_in_whatever_parts(
            bytes in prop::collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..64), size in 1_usize..9,
        ) {
            prop_assert_eq!(read([bytes.as_slice()]), read(bytes.chunks(size)));
        }

        #[test]
        fn what_is_written_is_read(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5)) {
            let bytes: Vec<u8> = payloads.iter().flat_map(|payload| Frame::message(payload)).collect();
            let frames = payloads.into_iter().map(|payload| Frame { is_end: false, payload });
            prop_assert_eq!(read([bytes.as_slice()]), (frames.collect(), false));
        }
    }

    #[test]
    fn a_message_has_no_flags_its_length_and_its_text() {
        assert_eq!(Frame::message(b"{}"), [0, 0, 0, 0, 2, b'{', b'}']);
        assert_eq!(Frame::end(b"{}"), [2, 0, 0, 0, 2, b'{', b'}']);
    }

    #[test]
    fn frames_are_the_same_wherever_their_bytes_are_cut() {
        let bytes = [Frame::message(b"{\"a\":1}"), Frame::message(b""), Frame::end(b"{}")].concat();
        for cut in 0..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let mut decoder = Decoder::default();
            let mut frames = Vec::new();
            for part in [first, second] {
                decoder.push(part);
                while let Ok(Some(frame)) = decoder.next() {
                    frames.push(frame);
                }
            }
            let texts: Vec<_> = frames.iter().map(|frame| (frame.is_end, frame.payload.as_slice())).collect();
            assert_eq!(texts, [(false, &b"{\"a\":1}"[..]), (false, b""), (true, b"{}")]);
            assert!(!decoder.is_cut());
        }
    }

    #[test]
    fn a_frame_of_4_gib_is_refused_before_its_bytes_come() {
        let mut decoder = Decoder::default();
        decoder.push(&[0, 0xff, 0xff, 0xff, 0xff]);
        assert!(decoder.next().is_err_and(|problem| problem.message().contains("the most")));
    }

    #[test]
    fn compressed_frames_and_unknown_flags_are_refused() {
        for flags in [0x01, 0x03, 0x80] {
            let mut decoder = Decoder::default();
            decoder.push(&[flags, 0, 0, 0, 0]);
            assert!(decoder.next().is_err(), "{flags:#04x}");
        }
    }
}
