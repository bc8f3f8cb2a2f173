//! The passport crate from outside: known answers, issue and verify together, laws over whole documents.

#[cfg(test)]
mod issue;
#[cfg(test)]
mod known_answer;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod narrowing;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod verify;
#[cfg(test)]
mod world;
