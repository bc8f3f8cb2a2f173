//! One HTTP/1.1 keep-alive connection that costs as little as possible: two system calls for one request.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::Outcome;

/// First room for an answer; grows with the largest one.
const ROOM: usize = 16 << 10;

/// A connection with at most one request under way.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    received: Vec<u8>,
    filled: usize,
    sent: usize,
    sending: bool,
}

/// An answer that has arrived whole.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects; the socket blocks until [`Connection::unblock`].
    pub(crate) fn open(address: SocketAddr) -> Outcome<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, received: vec![0; ROOM], filled: 0, sent: 0, sending: false })
    }

    pub(crate) fn unblock(&self) -> io::Result<()> {
        self.stream.set_nonblocking(true)
    }

    /// Whether a part of the request is still to be sent, and the generator waits for room.
    pub(crate) fn is_sending(&self) -> bool {
        self.sending
    }

    pub(crate) fn set_sending(&mut self, sending: bool) {
        self.sending = sending;
    }

    /// Begins a request: nothing of it is sent, nothing of an answer is there.
    pub(crate) fn begin(&mut self) {
        (self.filled, self.sent) = (0, 0);
    }

    /// Sends what fits; true when all of `request` is sent.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<bool> {
        while let Some(rest) = request.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Reads once. True when the answer is whole.
    pub(crate) fn receive(&mut self) -> io::Result<bool> {
        if self.filled == self.received.len() {
            self.received.resize(self.filled * 2, 0);
        }
        let room = self.received.get_mut(self.filled..).unwrap_or_default();
        match self.stream.read(room) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(self.length().is_some_and(|(head, body)| self.filled >= head + body))
    }

    /// The answer, once [`Connection::receive`] said that it is whole.
    pub(crate) fn answer(&self) -> Option<Answer<'_>> {
        let (head, body) = self.length()?;
        let status = self.received.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        let body = self.received.get(head..head + body)?;
        Some(Answer { status: status?.parse().ok()?, body })
    }

    /// Sends a request on a blocking connection and waits for its answer.
    pub(crate) fn call(&mut self, request: &[u8]) -> Outcome<Answer<'_>> {
        self.begin();
        self.send(request)?;
        while !self.receive()? {}
        self.answer().ok_or_else(|| "the answer is no HTTP".into())
    }

    /// Bytes of the head and of the body, as soon as the head is there. Every server here announces its length.
    fn length(&self) -> Option<(usize, usize)> {
        const NAME: &[u8] = b"content-length:";
        let received = self.received.get(..self.filled)?;
        let mut from = 0;
        let mut body = 0;
        loop {
            let end = from + received.get(from..)?.iter().position(|byte| *byte == b'\r')?;
            let line = received.get(from..end)?;
            if line.is_empty() {
                // The line feed after it may not have arrived yet; the sum below accounts for it.
                return Some((end + 2, body));
            }
            if line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)) {
                body = std::str::from_utf8(line.get(NAME.len()..)?).ok()?.trim().parse().ok()?;
            }
            from = end + 2;
        }
    }
}
