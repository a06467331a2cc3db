//! Bytes from a pipe → lines of a log.

/// The longest event that a log takes, as AWS's: longer lines are split.
pub(super) const MAX_LINE: usize = 256 * 1024 - 26;

/// Cuts what functions write into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes bytes; calls `line` for each that is complete.
    pub fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(String)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (head, tail) = bytes.split_at(end);
            bytes = &tail[1..];
            if self.rest.is_empty() {
                split(head, &mut line);
            } else {
                self.rest.extend_from_slice(head);
                split(&std::mem::take(&mut self.rest), &mut line);
            }
        }
        self.rest.extend_from_slice(bytes);
        while self.rest.len() >= MAX_LINE {
            let end = boundary(&self.rest);
            let head: Vec<u8> = self.rest.drain(..end).collect();
            split(&head, &mut line);
        }
    }

    /// Gives out what was written without a line end.
    pub fn flush(&mut self, mut line: impl FnMut(String)) {
        if !self.rest.is_empty() {
            split(&std::mem::take(&mut self.rest), &mut line);
        }
    }
}

fn split(mut bytes: &[u8], line: &mut impl FnMut(String)) {
    while bytes.len() > MAX_LINE {
        let (head, tail) = bytes.split_at(boundary(bytes));
        line(text(head));
        bytes = tail;
    }
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if !bytes.is_empty() {
        line(text(bytes));
    }
}

/// Where to cut a line that is too long: not within a character.
fn boundary(bytes: &[u8]) -> usize {
    let mut end = MAX_LINE.min(bytes.len());
    while end > MAX_LINE - 4 && bytes.get(end).is_some_and(|byte| byte & 0xC0 == 0x80) {
        end -= 1;
    }
    end
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, |line| out.push(line));
        }
        lines.flush(|line| out.push(line));
        out
    }

    #[test]
    fn lines_survive_however_they_are_cut() {
        assert_eq!(lines(&[b"a\nb", b"c\r\n", b"\n", b"end"]), ["a", "bc", "end"]);
        assert_eq!(lines(&[b"\xff\n"]), ["\u{fffd}"]);
    }

    #[test]
    fn long_lines_are_split_and_nothing_is_lost() {
        let long = "é".repeat(MAX_LINE);
        let parts = lines(&[long.as_bytes(), b"\n"]);
        assert!(parts.iter().all(|part| part.len() <= MAX_LINE));
        assert_eq!(parts.concat(), long);
    }
}
