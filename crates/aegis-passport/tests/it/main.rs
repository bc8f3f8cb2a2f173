//! The passport crate from outside: known answers and laws over whole documents.

mod known_answer;
