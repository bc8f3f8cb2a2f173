//! Readers of what strangers write: they survive anything, and what they accept they write back in one form.

use std::fmt::Display;

use aegis_wallet::address::{Address, TxHash};
use aegis_wallet::amount::{Atoms, Dec, Decimals};
use aegis_wallet::asset::{ChainName, Coin};
use aegis_wallet::email::Email;
use aegis_wallet::evidence::Evidence;
use aegis_wallet::idempotency::IdempotencyKey;
use aegis_wallet::nonce::Nonce;
use aegis_wallet::onboarding::OneTimeCode;
use aegis_wallet::policy::hosts::{Host, HostPattern};
use aegis_wallet::policy::hours::{Minute, Zone};
use proptest::prelude::*;

/// What is accepted is written in a form that is accepted as the same again.
fn settles<T: Display + PartialEq>(text: &str, read: impl Fn(&str) -> Option<T>) {
    if let Some(value) = read(text) {
        let written = value.to_string();
        assert!(read(&written).is_some_and(|again| again == value), "{text:?} was written as {written:?}");
    }
}

fn read_all(text: &str) {
    settles(text, |text| Dec::parse(text, Decimals::EIGHT).ok());
    settles(text, |text| Address::parse(text).map(|(address, _)| address));
    settles(text, TxHash::parse);
    settles(text, ChainName::parse);
    settles(text, Coin::parse);
    settles(text, Email::parse);
    settles(text, Evidence::parse);
    settles(text, |text| IdempotencyKey::read(&[text]).ok());
    settles(text, |text| Nonce::read(&[text]).ok());
    settles(text, Host::parse);
    settles(text, HostPattern::parse);
    settles(text, Minute::parse);
    let _ = (Atoms::from_column(text), Zone::parse(text), OneTimeCode::parse(text).is_some());
}

proptest! {
    /// Any text at all.
    #[test]
    fn any_text(text in any::<String>()) {
        read_all(&text);
    }

    /// Text made of the characters the forms are made of, which comes near to them.
    #[test]
    fn near_misses(text in "(0x)?[0-9a-fA-F@.:*_\\[\\]\u{e4} -]{0,70}") {
        read_all(&text);
    }

    /// Text in the forms themselves, with one character changed.
    #[test]
    fn one_character_off(
        form in prop::sample::select(vec![
            "550e8400-e29b-41d4-a716-446655440000",
            "0x8E8F5064f20D235F899c7553F1BEE77A235F4828",
            "your-agent@example.com",
            "*.shop.example:8443",
            "[::1]:8080",
            "Arc_Testnet",
            "authorization_lapsed:12",
            "9007199254740991",
            "1000000.000001",
            "23:59",
        ]),
        place in 0_usize..40, with in any::<char>(),
    ) {
        let changed: String =
            form.chars().enumerate().map(|(index, own)| if index == place { with } else { own }).collect();
        read_all(form);
        read_all(&changed);
    }
}
