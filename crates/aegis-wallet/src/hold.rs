//! Holds: what an action may cost at most, set aside before anything is signed.
//!
//! A hold ends once, by settlement or release, and only by [`Evidence`]. One action has one hold.

use aegis_core::closed_set;

use crate::amount::Atoms;
use crate::asset::Asset;
use crate::evidence::{Evidence, Fate};
use crate::usdc::{Rate, Usdc, value};

closed_set! {
    /// Where a hold is in its life. An action without a hold shows `NONE`.
    HoldState {
        /// Open: counts in every window.
        Held = "HELD",
        /// Ended by what was spent.
        Settled = "SETTLED",
        /// Ended with nothing spent.
        Released = "RELEASED",
    }
}

closed_set! {
    /// What of an action its policy limits count.
    Counting {
        /// Principal and fees, in windows; the principal by transaction: what leaves the agent's hands.
        Spending = "spending",
        /// Fees in windows; the principal by transaction: between the agent's wallet and its own vault.
        Own = "own",
    }
}

/// So much of something, and what it was worth when it was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What.
    pub asset: Asset,
    /// How much.
    pub atoms: Atoms,
    /// By which rate it is valued; none where it is USDC.
    pub rate: Option<Rate>,
}

impl Charge {
    /// What `atoms` of the same are worth at the same rate, rounded up to six decimals.
    fn value_of(&self, atoms: Atoms) -> Option<Usdc> {
        value(atoms, self.asset.decimals, self.rate.as_ref())
    }

    /// Its value, rounded up to six decimals; nothing beyond [`Usdc::MAX`].
    pub fn value(&self) -> Option<Usdc> {
        self.value_of(self.atoms)
    }
}

/// What an action may cost at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    principal: Charge,
    fee: Charge,
    counting: Counting,
    state: HoldState,
}

/// What an action did cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Of the principal.
    pub principal: Atoms,
    /// Of the fee's coin, over all steps, retries and displacements.
    pub fee: Atoms,
}

impl Spent {
    /// Nothing at all.
    pub const NOTHING: Spent = Spent { principal: Atoms::ZERO, fee: Atoms::ZERO };
}

/// A hold at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The hold, settled or released.
    pub hold: Hold,
    /// What was spent.
    pub spent: Spent,
    /// What of that counts in windows, at the rates of the hold.
    pub counted: Usdc,
    /// Why it could end.
    pub evidence: Evidence,
}

/// A hold is not made, or does not end so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoldRefused {
    /// Its value is beyond every limit there can be.
    #[error("the value is beyond what any limit can express")]
    Unvalued,
    /// It has ended before.
    #[error("the hold is {0}")]
    NotHeld(HoldState),
    /// More was spent than was set aside: nothing of ours may sign that.
    #[error("more was spent than the hold set aside")]
    Exceeded,
    /// The evidence says that the principal moved and the amounts say that it did not, or the reverse.
    #[error("the evidence does not prove what is claimed")]
    Unproven,
}

impl Hold {
    /// Sets aside `principal` and, as ceiling of all fees, `fee`.
    ///
    /// # Errors
    /// [`HoldRefused::Unvalued`]
    pub fn open(principal: Charge, fee: Charge, counting: Counting) -> Result<Hold, HoldRefused> {
        let hold = Hold { principal, fee, counting, state: HoldState::Held };
        hold.counted(hold.most()).map(|_| hold)
    }

    /// A hold as rows keep it.
    pub const fn stored(principal: Charge, fee: Charge, counting: Counting, state: HoldState) -> Hold {
        Hold { principal, fee, counting, state }
    }

    /// Its place in its life.
    pub const fn state(&self) -> HoldState {
        self.state
    }

    /// What is to be moved.
    pub const fn principal(&self) -> &Charge {
        &self.principal
    }

    /// The ceiling of all fees.
    pub const fn fee(&self) -> &Charge {
        &self.fee
    }

    /// What of it the limits count.
    pub const fn counting(&self) -> Counting {
        self.counting
    }

    /// What windows count of it: its `amountUsdc`.
    ///
    /// # Errors
    /// [`HoldRefused::Unvalued`], which only a hold from damaged rows can give.
    pub fn amount(&self) -> Result<Usdc, HoldRefused> {
        self.counted(self.most())
    }

    /// What must be in the wallet for it: one amount for each asset.
    ///
    /// # Errors
    /// [`HoldRefused::Unvalued`] where the two amounts of one asset exceed its range.
    pub fn reserves(&self) -> Result<Vec<(Asset, Atoms)>, HoldRefused> {
        let mut needed = vec![(self.principal.asset.clone(), self.principal.atoms)];
        if self.fee.asset == self.principal.asset {
            let both = self.principal.atoms.checked_add(self.fee.atoms).ok_or(HoldRefused::Unvalued)?;
            needed = vec![(self.principal.asset.clone(), both)];
        } else {
            needed.push((self.fee.asset.clone(), self.fee.atoms));
        }
        needed.retain(|(_, atoms)| !atoms.is_zero());
        Ok(needed)
    }

    /// Ends it by what `evidence` proves: settled if anything was spent, released otherwise.
    ///
    /// # Errors
    /// [`HoldRefused`]: not open, more spent than held, or the evidence proves something else. A principal that
    /// moved needs evidence of that, and evidence of that needs a principal that moved.
    pub fn end(&self, spent: Spent, evidence: Evidence) -> Result<Ended, HoldRefused> {
        if self.state != HoldState::Held {
            return Err(HoldRefused::NotHeld(self.state));
        }
        if spent.principal > self.principal.atoms || spent.fee > self.fee.atoms {
            return Err(HoldRefused::Exceeded);
        }
        let moved = evidence.fate() == Fate::Moved;
        // A hold whose principal is nothing (a pure fee) may end either way.
        let consistent = moved != spent.principal.is_zero() || (moved && self.principal.atoms.is_zero());
        let silent = matches!(evidence, Evidence::NeverSigned | Evidence::NeverSent);
        if !consistent || (silent && spent != Spent::NOTHING) {
            return Err(HoldRefused::Unproven);
        }
        let counted = self.counted(spent)?;
        let state = if spent == Spent::NOTHING { HoldState::Released } else { HoldState::Settled };
        Ok(Ended { hold: Hold { state, ..self.clone() }, spent, counted, evidence })
    }

    const fn most(&self) -> Spent {
        Spent { principal: self.principal.atoms, fee: self.fee.atoms }
    }

    fn counted(&self, spent: Spent) -> Result<Usdc, HoldRefused> {
        let principal = match self.counting {
            Counting::Spending => spent.principal,
            Counting::Own => Atoms::ZERO,
        };
        let principal = self.principal.value_of(principal);
        let both = principal.zip(self.fee.value_of(spent.fee));
        both.and_then(|(principal, fee)| principal.checked_add(fee)).ok_or(HoldRefused::Unvalued)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::TxHash;
    use crate::amount::Decimals;
    use crate::asset::{ChainName, Coin, Token};

    pub(crate) fn asset(coin: Coin, decimals: Decimals) -> Asset {
        Asset { chain: ChainName::parse("Arc_Testnet").unwrap(), coin, decimals }
    }

    pub(crate) fn usdc(atoms: u64) -> Charge {
        let asset = asset(Coin::Token(Token::Usdc), Decimals::SIX);
        Charge { asset, atoms: Atoms::new(u128::from(atoms)), rate: None }
    }

    fn spent(principal: u64, fee: u64) -> Spent {
        Spent { principal: Atoms::new(u128::from(principal)), fee: Atoms::new(u128::from(fee)) }
    }

    const HASH: TxHash = TxHash::from_bytes([1; 32]);

    /// Success settles what was spent, a revert the fee alone, and silence releases all.
    #[test]
    fn ends_by_what_happened() {
        let hold = Hold::open(usdc(100), usdc(10), Counting::Spending).unwrap();
        assert_eq!(hold.amount(), Ok(Usdc::from_micros(110).unwrap()));
        assert_eq!(hold.reserves().unwrap(), [(usdc(0).asset, Atoms::new(110))]);
        let done = hold.end(spent(100, 4), Evidence::Included(HASH)).unwrap();
        assert_eq!((done.hold.state(), done.counted.micros()), (HoldState::Settled, 104));
        let failed = hold.end(spent(0, 4), Evidence::Reverted(HASH)).unwrap();
        assert_eq!((failed.hold.state(), failed.counted.micros()), (HoldState::Settled, 4));
        let unsent = hold.end(Spent::NOTHING, Evidence::NeverSent).unwrap();
        assert_eq!((unsent.hold.state(), unsent.counted), (HoldState::Released, Usdc::ZERO));
        assert_eq!(
            done.hold.end(spent(1, 0), Evidence::Included(HASH)),
            Err(HoldRefused::NotHeld(HoldState::Settled))
        );
    }

    /// Evidence and amounts must tell the same story.
    #[test]
    fn refuses_contradictions() {
        let hold = Hold::open(usdc(100), usdc(10), Counting::Spending).unwrap();
        for (spent, evidence) in [
            (spent(1, 0), Evidence::Reverted(HASH)),
            (spent(0, 1), Evidence::Included(HASH)),
            (Spent::NOTHING, Evidence::Included(HASH)),
            (spent(0, 1), Evidence::NeverSigned),
        ] {
            assert_eq!(hold.end(spent, evidence), Err(HoldRefused::Unproven), "{spent:?} {evidence}");
        }
        assert_eq!(hold.end(spent(101, 0), Evidence::Included(HASH)), Err(HoldRefused::Exceeded));
        assert_eq!(hold.end(spent(100, 11), Evidence::Included(HASH)), Err(HoldRefused::Exceeded));
    }

    /// Two coins are two reserves, and what is the agent's own counts by its fees.
    #[test]
    fn counts_by_kind() {
        let gas = Charge { asset: asset(Coin::Gas, Decimals::EIGHTEEN), ..usdc(10) };
        for (counting, counted) in [(Counting::Spending, 101), (Counting::Own, 1)] {
            let hold = Hold::open(usdc(100), gas.clone(), counting).unwrap();
            assert_eq!(hold.amount().unwrap().micros(), counted, "{counting}");
            assert_eq!(hold.reserves().unwrap().len(), 2);
        }
        let endless = Charge { atoms: Atoms::MAX, ..usdc(0) };
        assert_eq!(Hold::open(endless, usdc(0), Counting::Spending), Err(HoldRefused::Unvalued));
    }

    proptest! {
        /// Invariant 6: a hold ends exactly once, never for more than it set aside, and a release needs proof
        /// that the principal did not move.
        #[test]
        fn ends_once_and_within(
            most in (1_u64..1_000, 0_u64..1_000), real in (0_u64..1_200, 0_u64..1_200), included: bool,
        ) {
            let hold = Hold::open(usdc(most.0), usdc(most.1), Counting::Spending).unwrap();
            let evidence = if included { Evidence::Included(HASH) } else { Evidence::Reverted(HASH) };
            if let Ok(ended) = hold.end(spent(real.0, real.1), evidence) {
                prop_assert!(ended.counted <= hold.amount().unwrap());
                prop_assert_ne!(ended.hold.state(), HoldState::Held);
                prop_assert_eq!(ended.hold.state() == HoldState::Released, real == (0, 0));
                prop_assert_eq!(included, real.0 > 0);
                prop_assert!(ended.hold.end(ended.spent, evidence).is_err());
            } else {
                prop_assert!(real.0 > most.0 || real.1 > most.1 || included == (real.0 == 0));
            }
        }
    }
}
