use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// An HTTP/1.1 message as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The first line and the headers, each with its line end, and the empty line.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Message {
    /// An answer.
    pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Self { head: format!("HTTP/1.1 {status} Scripted\r\n{lines}\r\n"), body: Vec::new() }.with_body(body.into())
    }

    /// Reads the next message of a connection; `None` if it is closed before one begins.
    ///
    /// # Errors
    /// If it is closed or breaks within a message, or its length is not announced.
    pub async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_until(b'\n', &mut head).await? == 0 {
                return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
        let head = String::from_utf8(head).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        let mut message = Self { head, body: Vec::new() };
        if message.header("transfer-encoding").is_some() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a body in chunks"));
        }
        let length = message.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        message.body = vec![0; length];
        stream.read_exact(&mut message.body).await?;
        Ok(Some(message))
    }

    /// Method and target of a request, or the status line.
    pub fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The same with another header, in place of any of that name.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        let is_it = |line: &&str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        let kept: Vec<&str> = self.head.lines().filter(|line| !line.is_empty() && !is_it(line)).collect();
        self.head = format!("{}\r\n{name}: {value}\r\n\r\n", kept.join("\r\n"));
        self
    }

    /// The same with another body, and its length.
    #[must_use]
    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self = self.with_header("content-length", &body.len().to_string());
        self.body = body;
        self
    }

    /// All of it.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_read_one_after_the_other() {
        let first = Message::answer(201, &[("X-One", "a")], "hello");
        let second = Message::answer(204, &[], "");
        let bytes = [first.to_bytes(), second.to_bytes()].concat();
        let mut stream = bytes.as_slice();
        let read = Message::read(&mut stream).await.unwrap().unwrap();
        assert_eq!((read.header("x-one"), read.first_line()), (Some("a"), "HTTP/1.1 201 Scripted"));
        assert_eq!(read, first);
        assert_eq!(Message::read(&mut stream).await.unwrap(), Some(second));
        assert_eq!(Message::read(&mut stream).await.unwrap(), None);
        assert!(Message::read(&mut &bytes[..9]).await.is_err());
    }

    #[test]
    fn a_new_body_has_its_own_length() {
        let message = Message::answer(200, &[("content-type", "text/plain")], "hello").with_body(b"x".to_vec());
        assert_eq!(message.header("content-length"), Some("1"));
        assert_eq!(message.head.matches("content-length").count(), 1);
    }
}
