//! Server-sent events, byte by byte: chunks of a body in, the `data` of whole events out.
//! Knows nothing of what the data means.
//!
//! Bytes are only turned into text at the end of a line, so a character split between two chunks
//! arrives whole. A line is bounded, so a server cannot fill the memory with one.

/// Most bytes of one line; a piece of an answer has some hundred.
const LINE_MAX_BYTES: usize = 64 * 1024;
/// Most bytes of the data of one event.
const EVENT_MAX_BYTES: usize = 4 * LINE_MAX_BYTES;

/// A line or an event went past its bound.
#[derive(Debug, PartialEq, Eq)]
pub struct Oversized;

/// The state between two chunks.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    data: Option<String>,
    started: bool,
}

impl SseParser {
    /// Takes the next chunk and answers the events it completes.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Vec<String>, Oversized> {
        let mut events = Vec::new();
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.extend(&rest[..end])?;
            self.end_line(&mut events)?;
            rest = &rest[end + 1..];
        }
        self.extend(rest)?;
        Ok(events)
    }

    /// The event the body ended in, for servers that leave out the last empty line.
    pub fn finish(mut self) -> Option<String> {
        let mut events = Vec::new();
        self.end_line(&mut events).ok()?;
        events.pop().or(self.data)
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), Oversized> {
        if self.line.len() + bytes.len() > LINE_MAX_BYTES {
            return Err(Oversized);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<String>) -> Result<(), Oversized> {
        let bytes = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&bytes);
        let mut line = text.strip_suffix('\r').unwrap_or(&text);
        if !std::mem::replace(&mut self.started, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            events.extend(self.data.take());
            return Ok(());
        }
        let Some(value) = line.strip_prefix("data:") else {
            // Comments, event names, ids: nothing here uses them.
            return Ok(());
        };
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                if data.len() + value.len() > EVENT_MAX_BYTES {
                    return Err(Oversized);
                }
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(body: &[u8], step: usize) -> Vec<String> {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        for chunk in body.chunks(step) {
            events.extend(parser.feed(chunk).unwrap());
        }
        events.extend(parser.finish());
        events
    }

    #[test]
    fn events_come_out_whole_however_the_body_is_cut() {
        let body = "\u{feff}data: {\"a\":\"Größe 🫀\"}\r\n\r\n: ping\n\nevent: x\nid: 1\ndata:two\ndata: lines\n\ndata: [DONE]";
        let expected = ["{\"a\":\"Größe 🫀\"}", "two\nlines", "[DONE]"];
        for step in 1..body.len() {
            assert_eq!(
                whole(body.as_bytes(), step),
                expected,
                "cut every {step} bytes"
            );
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut parser = SseParser::default();
        let chunk = vec![b'x'; 16 * 1024];
        let answers: Vec<_> = (0..5).map(|_| parser.feed(&chunk)).collect();
        assert_eq!(answers.last(), Some(&Err(Oversized)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(body in proptest::collection::vec(any::<u8>(), 0..400), step in 1usize..50) {
            whole(&body, step);
        }
    }
}
