//! The wallet's rules from outside: a small world driven by random steps, and one payment from mail to receipt.

#[cfg(test)]
mod laws;
#[cfg(test)]
mod walk;
#[cfg(test)]
mod world;
