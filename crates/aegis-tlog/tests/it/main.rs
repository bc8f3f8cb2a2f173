//! Aegis's log against strangers: known answers from files, and other implementations as oracles.

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod vectors;
