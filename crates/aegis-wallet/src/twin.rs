//! Twins: the same intent under a fresh key, most likely by mistake.

use aegis_core::crypto::digest::Digest;
use aegis_core::time::Timestamp;

use crate::action::{ActionState, ActionStatus, FinancialAction};
use crate::address::Address;
use crate::amount::Atoms;
use crate::asset::{ChainName, Token};
use crate::ids::ActionId;

/// What makes two actions twins, as the digest that is stored and looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TwinKey(Digest);

impl TwinKey {
    /// A transfer's twin fields: token, destination and amount, on a chain. However they were written.
    pub fn of_transfer(chain: &ChainName, token: Token, destination: Address, amount: Atoms) -> TwinKey {
        let fields = format!("{}\0{chain}\0{token}\0{destination}\0{amount}", FinancialAction::Transfer);
        TwinKey(Digest::of(&[fields.as_bytes()]))
    }

    /// The digest.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

/// An earlier action with the same twin fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earlier {
    /// The action.
    pub action: ActionId,
    /// Its state.
    pub state: ActionState,
    /// When it was committed.
    pub created_at: Timestamp,
    /// When it became final, if it has.
    pub completed_at: Option<Timestamp>,
}

/// `DUPLICATE_SUSPECTED`: repeat with the same key and the confirmation header naming this action, if it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an equal action exists: {}", .0.action)]
pub struct DuplicateSuspected(pub Earlier);

impl Earlier {
    /// Whether it makes an equal action suspicious at `now`: parked, in flight or unknown at any age, or ended with
    /// success less than `window_seconds` ago. What was refused or failed is nobody's twin.
    pub fn is_twin(&self, window_seconds: u32, now: Timestamp) -> bool {
        match self.state.status() {
            ActionStatus::Pending | ActionStatus::Processing | ActionStatus::Unknown => true,
            ActionStatus::Success => {
                let ended = self.completed_at.unwrap_or(self.created_at);
                window_seconds > 0 && now < ended.plus_seconds(i64::from(window_seconds))
            }
            ActionStatus::Failed => false,
        }
    }
}

/// The most recent twin among `earlier` actions with equal twin fields.
pub fn most_recent(earlier: &[Earlier], window_seconds: u32, now: Timestamp) -> Option<Earlier> {
    let twins = earlier.iter().filter(|action| action.is_twin(window_seconds, now));
    twins.max_by_key(|action| (action.created_at, action.action)).copied()
}

/// Lets an action pass that has no twin, or whose most recent twin is the one it confirms. The action itself then
/// is the most recent twin, so one confirmation admits one action.
///
/// # Errors
/// [`DuplicateSuspected`] with the most recent twin.
pub fn check(twin: Option<Earlier>, confirmed: Option<ActionId>) -> Result<(), DuplicateSuspected> {
    match twin {
        Some(twin) if confirmed != Some(twin.action) => Err(DuplicateSuspected(twin)),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::entropy::Entropy;
    use aegis_core::moment::Moment;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn earlier(seed: u8, state: ActionState, created: i64) -> Earlier {
        let action = Moment::new(at(created), Entropy::from_seed([seed; 32])).new_id();
        Earlier { action, state, created_at: at(created), completed_at: Some(at(created + 5)) }
    }

    /// Open ones always, successes within the window, failures never; 0 leaves the open ones.
    #[test]
    fn states_decide() {
        for state in ActionState::ALL {
            let twin = |window, now| earlier(1, *state, 0).is_twin(window, at(now));
            let (soon, late) = match state.status() {
                ActionStatus::Failed => (false, false),
                ActionStatus::Success => (true, false),
                ActionStatus::Pending | ActionStatus::Processing | ActionStatus::Unknown => (true, true),
            };
            assert_eq!((twin(600, 604), twin(600, 605), twin(0, 5)), (soon, late, late), "{state}");
        }
    }

    /// Invariant 11, its second half: while an action is UNKNOWN, its twin is refused at any age.
    #[test]
    fn unknown_is_a_twin_for_ever() {
        let unknown = earlier(1, ActionState::Unknown, 0);
        let twin = most_recent(&[unknown], 0, at(i64::MAX / 2_000_000));
        assert_eq!(check(twin, None), Err(DuplicateSuspected(unknown)));
    }

    /// Only the most recent twin can be confirmed; without a twin the confirmation is nothing.
    #[test]
    fn older_twins_confirm_nothing() {
        let (old, new) = (earlier(1, ActionState::Success, 0), earlier(2, ActionState::Submitted, 9));
        let twin = most_recent(&[new, old], 600, at(10));
        assert_eq!(twin, Some(new));
        assert_eq!(check(twin, Some(old.action)), Err(DuplicateSuspected(new)));
        assert_eq!(check(twin, Some(new.action)), Ok(()));
        assert_eq!(check(None, Some(old.action)), Ok(()));
    }

    /// Transfers that say the same differently are twins; each field makes a difference.
    #[test]
    fn fields_are_bound() {
        let chain = ChainName::parse("Arc_Testnet").unwrap();
        let (payee, other) = (Address::from_bytes([1; 20]), Address::from_bytes([2; 20]));
        let key = |token, to, units| TwinKey::of_transfer(&chain, token, to, Atoms::new(units));
        assert_eq!(key(Token::Usdc, payee, 1), key(Token::Usdc, payee, 1));
        assert_ne!(key(Token::Usdc, payee, 1), key(Token::Eurc, payee, 1));
        assert_ne!(key(Token::Usdc, payee, 1), key(Token::Usdc, other, 1));
        assert_ne!(key(Token::Usdc, payee, 1), key(Token::Usdc, payee, 2));
    }

    proptest! {
        /// Invariant 13: of equal actions only one commits without a confirmation, and a confirmation admits one.
        #[test]
        fn one_confirmation_admits_one(confirm in prop::collection::vec(prop::option::of(0_usize..10), 1..20)) {
            let (mut committed, mut unconfirmed, mut used) = (Vec::<Earlier>::new(), 0, Vec::new());
            for (step, choice) in (0_u8..).zip(confirm) {
                let named = choice.and_then(|index| committed.get(index)).map(|action| action.action);
                let now = i64::from(step);
                let twin = most_recent(&committed, 600, at(now));
                if check(twin, named).is_ok() {
                    unconfirmed += u32::from(twin.is_none());
                    used.extend(twin.map(|twin| twin.action));
                    committed.push(earlier(step, ActionState::Accepted, now));
                }
            }
            prop_assert_eq!(unconfirmed, 1);
            let count = used.len();
            used.sort_unstable();
            used.dedup();
            prop_assert_eq!(used.len(), count);
        }
    }
}
