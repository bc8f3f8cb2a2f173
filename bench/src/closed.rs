//! Closed-loop load: each connection sends its next request when the last one is answered. Finds the capacity.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;

use crate::Outcome;
use crate::connection::{Answer, Connection};

/// Connections of one generator, kept over all its runs.
pub(crate) struct Generator {
    pub(crate) epoll: OwnedFd,
    pub(crate) connections: Vec<Connection>,
    pub(crate) events: Vec<epoll::Event>,
}

/// What one run of load achieved.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) answers: usize,
    pub(crate) elapsed: Duration,
}

impl Generator {
    /// Opens `count` connections.
    pub(crate) fn open(address: SocketAddr, count: usize) -> Outcome<Generator> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(count);
        for number in 0..count {
            let connection = Connection::open(address)?;
            connection.unblock()?;
            epoll::add(&epoll, &connection.stream, EventData::new_u64(number as u64), EventFlags::IN)?;
            connections.push(connection);
        }
        Ok(Generator { epoll, connections, events: Vec::with_capacity(count) })
    }

    /// Numbers of the connections on which something happened, after at most `wait`.
    pub(crate) fn ready(&mut self, wait: Option<Duration>) -> Outcome<Vec<usize>> {
        self.events.clear();
        let wait = wait.map(rustix::time::Timespec::try_from).transpose()?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), wait.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.events.iter().map(|event| event.data.u64() as usize).collect())
    }

    /// Sends what fits of a request and asks to be told when the rest does.
    pub(crate) fn push(&mut self, number: usize, request: &[u8]) -> Outcome<()> {
        let Some(connection) = self.connections.get_mut(number) else { return Ok(()) };
        let waiting = connection.is_sending();
        let done = connection.send(request)?;
        if done == waiting {
            let flags = if done { EventFlags::IN } else { EventFlags::IN | EventFlags::OUT };
            epoll::modify(&self.epoll, &connection.stream, EventData::new_u64(number as u64), flags)?;
            connection.set_sending(!done);
        }
        Ok(())
    }

    /// Runs requests over all connections until `next` has no more; `each` sees every answer.
    pub(crate) fn run<'r>(
        &mut self,
        mut next: impl FnMut() -> Option<(usize, &'r [u8])>,
        mut each: impl FnMut(usize, &Answer<'_>, Duration) -> Outcome<()>,
    ) -> Outcome<Load> {
        let started = Instant::now();
        let mut under_way: Vec<Option<(usize, &'r [u8], Instant)>> = vec![None; self.connections.len()];
        let mut load = Load::default();
        let mut busy = 0;
        for (number, place) in under_way.iter_mut().enumerate() {
            let Some((index, request)) = next() else { break };
            *place = Some((index, request, Instant::now()));
            busy += 1;
            self.start(number, request)?;
        }
        while busy > 0 {
            for number in self.ready(None)? {
                let Some(place) = under_way.get_mut(number) else { continue };
                let Some((index, request, since)) = *place else { continue };
                if !self.progress(number, request)? {
                    continue;
                }
                if let Some(answer) = self.connections.get(number).and_then(Connection::answer) {
                    each(index, &answer, since.elapsed())?;
                }
                load.answers += 1;
                *place = next().map(|(index, request)| (index, request, Instant::now()));
                match *place {
                    Some((_, request, _)) => self.start(number, request)?,
                    None => busy -= 1,
                }
            }
        }
        load.elapsed = started.elapsed();
        Ok(load)
    }

    pub(crate) fn start(&mut self, number: usize, request: &[u8]) -> Outcome<()> {
        if let Some(connection) = self.connections.get_mut(number) {
            connection.begin();
        }
        self.push(number, request)
    }

    /// Sends the rest of a request or reads more of its answer; true when the answer is whole.
    pub(crate) fn progress(&mut self, number: usize, request: &[u8]) -> Outcome<bool> {
        let Some(connection) = self.connections.get_mut(number) else { return Ok(false) };
        if connection.is_sending() {
            self.push(number, request)?;
            return Ok(false);
        }
        match connection.receive() {
            Ok(whole) => Ok(whole),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err("the server closed a connection in the middle of an answer".into())
            }
            Err(error) => Err(error.into()),
        }
    }
}
