//! The wallet's rules from outside: a small world driven by random steps, one payment from mail to receipt, and the
//! readers of what strangers write.

#[cfg(test)]
mod laws;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod walk;
#[cfg(test)]
mod world;
