//! The passport crate from outside: known answers and laws over whole documents.

#[cfg(test)]
mod known_answer;
