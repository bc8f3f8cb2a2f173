//! Keys from one seed: BIP-32 along the path of BIP-44 for accounts of this kind of chain, `m/44'/60'/0'/0/i`.

use aegis_core::secret::Secret;
use bip32::{ChildNumber, XPrv};
use zeroize::Zeroize as _;

use crate::key::{AccountKey, NotAKey};

/// Bytes of a seed: BIP-32 allows 16 to 64.
pub const SEED_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// Indexes below this are not hardened, and so are all that the last level of the path may have.
pub const INDEX_MAX: u32 = (1 << 31) - 1;

/// A seed from which any number of account keys follow. Whoever has it has them all.
#[derive(Debug, Clone)]
pub struct HdSeed(Secret<Vec<u8>>);

impl HdSeed {
    /// Takes a seed of [`SEED_BYTES`].
    ///
    /// # Errors
    /// [`NotAKey`] for another length.
    pub fn new(seed: Secret<Vec<u8>>) -> Result<HdSeed, NotAKey> {
        if SEED_BYTES.contains(&seed.expose().len()) { Ok(HdSeed(seed)) } else { Err(NotAKey) }
    }

    /// The key of account `index`, 0 to [`INDEX_MAX`].
    ///
    /// # Errors
    /// [`NotAKey`]: an index beyond that, or one of the 2^-127 that BIP-32 says to skip.
    pub fn account(&self, index: u32) -> Result<AccountKey, NotAKey> {
        let hardened = |number| ChildNumber::new(number, true);
        let path = [
            hardened(44),
            hardened(60),
            hardened(0),
            ChildNumber::new(0, false),
            ChildNumber::new(index, false),
        ];
        let key = self.derive(path.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| NotAKey)?)?;
        let mut copy = key.private_key().to_bytes();
        let account = AccountKey::from_secret(&Secret::new(copy.into()));
        copy.as_mut_slice().zeroize();
        account
    }

    fn derive(&self, path: impl IntoIterator<Item = ChildNumber>) -> Result<XPrv, NotAKey> {
        let root = XPrv::new(self.0.expose()).map_err(|_| NotAKey)?;
        path.into_iter().try_fold(root, |key, child| key.derive_child(child)).map_err(|_| NotAKey)
    }
}

#[cfg(test)]
mod tests {
    use bip32::Prefix;

    use super::*;

    fn seed(digits: &str) -> HdSeed {
        HdSeed::new(Secret::new(alloy::hex::decode(digits).unwrap())).unwrap()
    }

    fn derived(seed: &HdSeed, path: &str) -> String {
        let path: bip32::DerivationPath = path.parse().unwrap();
        seed.derive(path).unwrap().to_string(Prefix::XPRV).to_string()
    }

    /// Test vectors 1 and 2 of BIP-32.
    #[test]
    fn published_vectors() {
        let one = seed("000102030405060708090a0b0c0d0e0f");
        for (path, key) in [
            (
                "m",
                "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
            ),
            (
                "m/0'/1/2'/2/1000000000",
                "xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76",
            ),
        ] {
            assert_eq!(derived(&one, path), key);
        }
        let two = seed(
            "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542",
        );
        assert_eq!(
            derived(&two, "m/0/2147483647'/1/2147483646'/2"),
            "xprvA2nrNbFZABcdryreWet9Ea4LvTJcGsqrMzxHx98MMrotbir7yrKCEXw7nadnHM8Dq38EGfSh6dqA9QWTyefMLEcBYJUuekgW4BYPJcr9E7j"
        );
    }

    /// The accounts every development node has: the seed is that of "test test … junk" (BIP-39, no passphrase).
    #[test]
    fn accounts_of_the_path() {
        let seed = seed(
            "9dfc3c64c2f8bede1533b6a79f8570e5943e0b8fd1cf77107adf7b72cef42185d564a3aee24cab43f80e3c4538087d70fc824eabbad596a23c97b6ee8322ccc0",
        );
        for (index, address) in (0..).zip([
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
        ]) {
            assert_eq!(seed.account(index).unwrap().address().to_string(), address);
        }
        assert!(seed.account(INDEX_MAX).is_ok() && seed.account(INDEX_MAX + 1).is_err());
        assert!(
            HdSeed::new(Secret::new(vec![1; 15])).is_err() && HdSeed::new(Secret::new(vec![1; 65])).is_err()
        );
        assert_eq!(format!("{seed:?}"), "HdSeed(Secret(…))");
    }
}
