//! Published vectors and independent implementations against our canonical bytes and signatures.

#[cfg(test)]
mod canonical;
#[cfg(test)]
mod differential;
#[cfg(test)]
mod signatures;
