//! The double-entry ledger of a wallet: every entry moves amounts between accounts and creates none.
//!
//! A wallet's balance on the chain is what is available plus what is held. Everything else, the payees, the
//! faucets and the network's fees, is outside of it.

use std::collections::BTreeMap;

use aegis_core::closed_set;

use crate::amount::Atoms;
use crate::asset::Asset;
use crate::hold::{Ended, Hold, HoldRefused};

closed_set! {
    /// Where an amount is, for each agent and asset.
    Account {
        /// In the wallet and free.
        Available = "available",
        /// In the wallet and set aside for an action.
        Held = "held",
        /// With others: payers and payees.
        Outside = "outside",
        /// Paid to the network.
        Fees = "fees",
    }
}

closed_set! {
    /// What an entry records.
    EntryKind {
        /// A final inbound transfer: payments, refunds, faucets, top-ups.
        Deposit = "deposit",
        /// A hold placed.
        Hold = "hold",
        /// A hold ended: what was spent left, the rest is free again.
        End = "end",
    }
}

closed_set! {
    /// Which way a posting changes its account.
    Side {
        /// Adds to it.
        In = "in",
        /// Takes from it.
        Out = "out",
    }
}

/// One line: so much into or out of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// In what.
    pub asset: Asset,
    /// Which way.
    pub side: Side,
    /// How much; never nothing.
    pub atoms: Atoms,
}

/// Postings that belong together. Made by this module's functions only, each of which takes from one account
/// what it gives to another: the postings of an asset sum to zero by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    kind: EntryKind,
    postings: Vec<Posting>,
}

impl Entry {
    /// What it records.
    pub const fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Its lines.
    pub fn postings(&self) -> &[Posting] {
        &self.postings
    }

    fn new(kind: EntryKind) -> Entry {
        Entry { kind, postings: Vec::new() }
    }

    fn moving(mut self, asset: &Asset, atoms: Atoms, from: Account, to: Account) -> Entry {
        if !atoms.is_zero() {
            let line = |account, side| Posting { account, asset: asset.clone(), side, atoms };
            self.postings.extend([line(from, Side::Out), line(to, Side::In)]);
        }
        self
    }
}

/// A final transfer into the wallet from outside.
pub fn deposit(asset: &Asset, atoms: Atoms) -> Entry {
    Entry::new(EntryKind::Deposit).moving(asset, atoms, Account::Outside, Account::Available)
}

/// Setting a hold's reserves aside.
///
/// # Errors
/// Those of [`Hold::reserves`].
pub fn hold(hold: &Hold) -> Result<Entry, HoldRefused> {
    let move_one = |entry: Entry, (asset, atoms): &(Asset, Atoms)| {
        entry.moving(asset, *atoms, Account::Available, Account::Held)
    };
    Ok(hold.reserves()?.iter().fold(Entry::new(EntryKind::Hold), move_one))
}

/// The end of a hold: the principal that moved goes outside, fees to the network, the rest is free again.
pub fn end(ended: &Ended) -> Entry {
    let (principal, fee) = (ended.hold.principal(), ended.hold.fee());
    let rest = |held: Atoms, spent: Atoms| held.saturating_sub(spent);
    Entry::new(EntryKind::End)
        .moving(&principal.asset, ended.spent.principal, Account::Held, Account::Outside)
        .moving(&fee.asset, ended.spent.fee, Account::Held, Account::Fees)
        .moving(
            &principal.asset,
            rest(principal.atoms, ended.spent.principal),
            Account::Held,
            Account::Available,
        )
        .moving(&fee.asset, rest(fee.atoms, ended.spent.fee), Account::Held, Account::Available)
}

/// What entries add up to: in and out of each account and asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Balances(BTreeMap<(Account, Asset), (Atoms, Atoms)>);

/// A sum left the range of the chain's integers: the rows are damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the postings of an account exceed 256 bits")]
pub struct Overflow;

impl Balances {
    /// Adds one posting.
    ///
    /// # Errors
    /// [`Overflow`]; nothing was added then.
    pub fn post(&mut self, posting: &Posting) -> Result<(), Overflow> {
        let sums = self.0.entry((posting.account, posting.asset.clone())).or_default();
        let sum = match posting.side {
            Side::In => &mut sums.0,
            Side::Out => &mut sums.1,
        };
        *sum = sum.checked_add(posting.atoms).ok_or(Overflow)?;
        Ok(())
    }

    /// What came in less what went out; nothing where more went out than came in.
    pub fn net(&self, account: Account, asset: &Asset) -> Option<Atoms> {
        let (came_in, went_out) = self.0.get(&(account, asset.clone())).copied().unwrap_or_default();
        came_in.checked_sub(went_out)
    }

    /// What the wallet must have on the chain at a final height: available and held. Nothing where deposits are
    /// not recorded yet that were already spent.
    pub fn on_chain(&self, asset: &Asset) -> Option<Atoms> {
        self.surplus([Account::Available, Account::Held], asset)
    }

    /// Whether all postings of every asset sum to zero.
    pub fn is_balanced(&self) -> bool {
        let assets = self.0.keys().map(|(_, asset)| asset);
        assets.into_iter().all(|asset| {
            let side = |side: fn(&(Atoms, Atoms)) -> Atoms| {
                Atoms::sum(self.0.iter().filter(|((_, found), _)| found == asset).map(|(_, sums)| side(sums)))
            };
            side(|sums| sums.0) == side(|sums| sums.1)
        })
    }

    fn surplus(&self, accounts: [Account; 2], asset: &Asset) -> Option<Atoms> {
        let sums = accounts.map(|account| self.0.get(&(account, asset.clone())).copied().unwrap_or_default());
        let came_in = Atoms::sum(sums.iter().map(|sums| sums.0))?;
        came_in.checked_sub(Atoms::sum(sums.iter().map(|sums| sums.1))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::TxHash;
    use crate::evidence::Evidence;
    use crate::hold::tests::usdc;
    use crate::hold::{Counting, Spent};

    fn post(balances: &mut Balances, entry: &Entry) {
        entry.postings().iter().for_each(|posting| balances.post(posting).unwrap());
    }

    /// A deposit, a hold and its settlement leave payee, network and wallet with what they should have.
    #[test]
    fn follows_one_payment() {
        let asset = usdc(0).asset;
        let mut balances = Balances::default();
        post(&mut balances, &deposit(&asset, Atoms::new(1_000)));
        let placed = Hold::open(usdc(100), usdc(10), Counting::Spending).unwrap();
        post(&mut balances, &hold(&placed).unwrap());
        let net = |balances: &Balances, account| balances.net(account, &asset);
        assert_eq!(net(&balances, Account::Held), Some(Atoms::new(110)));
        assert_eq!(balances.on_chain(&asset), Some(Atoms::new(1_000)), "a hold moves nothing on the chain");
        let spent = Spent { principal: Atoms::new(100), fee: Atoms::new(3) };
        let ended = placed.end(spent, Evidence::Included(TxHash::from_bytes([1; 32]))).unwrap();
        post(&mut balances, &end(&ended));
        assert_eq!(net(&balances, Account::Held), Some(Atoms::ZERO));
        assert_eq!(net(&balances, Account::Available), Some(Atoms::new(897)));
        assert_eq!(net(&balances, Account::Fees), Some(Atoms::new(3)));
        assert_eq!(net(&balances, Account::Outside), None, "it gave more than it got");
        assert_eq!(balances.on_chain(&asset), Some(Atoms::new(897)));
        assert!(balances.is_balanced());
    }

    /// Nothing is posted for nothing, and sums that cannot be are refused.
    #[test]
    fn empty_and_endless() {
        let asset = usdc(0).asset;
        assert!(deposit(&asset, Atoms::ZERO).postings().is_empty());
        let mut balances = Balances::default();
        post(&mut balances, &deposit(&asset, Atoms::MAX));
        let more = deposit(&asset, Atoms::new(1));
        assert_eq!(balances.post(&more.postings()[1]), Err(Overflow));
    }
}
