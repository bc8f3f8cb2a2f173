//! Laws of delegation (invariant 7): narrowing chains, and no descendant exceeds any ancestor.

use aegis_core::time::Timestamp;
use aegis_passport::bundle::Bundle;
use aegis_passport::delegation::{Bound, Bounds, narrow};
use aegis_passport::risk::Risk;
use aegis_passport::scope::{Scope, Scopes};
use aegis_passport::text::Jurisdiction;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Terms {
    depth: u8,
    max_depth: u8,
    scopes: Scopes,
    risk: Risk,
    bundle: Bundle,
    expires_at: i64,
    staleness: u32,
    jurisdiction: Jurisdiction,
}

impl Terms {
    fn bounds(&self) -> Bounds<'_> {
        Bounds {
            depth: self.depth,
            max_depth: self.max_depth,
            scopes: &self.scopes,
            risk: self.risk,
            bundle: &self.bundle,
            pins: None,
            expires_at: Timestamp::from_seconds(self.expires_at),
            staleness_budget_seconds: self.staleness,
            jurisdiction: &self.jurisdiction,
        }
    }
}

fn breached(child: &Terms, parent: &Terms) -> Vec<Bound> {
    match narrow(&child.bounds(), &parent.bounds()) {
        Ok(()) => Vec::new(),
        Err(exceeded) => exceeded.breaches.into_iter().map(|breach| breach.bound).collect(),
    }
}

fn terms(depth: u8) -> impl Strategy<Value = Terms> {
    let scope_sets = prop::collection::vec(r"\*|[ab](:[ab]){0,2}(:\*)?", 0..3).prop_map(|texts| {
        Scopes::from_any_order(texts.iter().map(|text| Scope::parse(text).unwrap()).collect()).unwrap()
    });
    let bundles = prop::sample::select(vec!["a@1.0.0", "a@2.0.0", "a@1.0.0+b@1.0.0", "b@1.1.0+a@1.0.0"]);
    (0..4_u8, scope_sets, 0..4_usize, bundles, 0..4_i64, 1..4_u32, any::<bool>()).prop_map(
        move |(max_depth, scopes, risk, bundle, expires_at, staleness, eu)| Terms {
            depth,
            max_depth,
            scopes,
            risk: Risk::ALL[risk],
            bundle: Bundle::parse(bundle).unwrap(),
            expires_at,
            staleness,
            jurisdiction: Jurisdiction::parse(if eu { "EU" } else { "ZA" }).unwrap(),
        },
    )
}

/// Terms that are likely to fit below `parent`: each bound is the parent's or narrower.
fn below(parent: Terms) -> impl Strategy<Value = Terms> {
    (terms(parent.depth + 1), any::<u8>()).prop_map(move |(mut child, keep)| {
        let keeps = |bit: u8| keep & (1 << bit) == 0;
        child.max_depth = parent.max_depth.saturating_sub(1);
        child.jurisdiction = parent.jurisdiction.clone();
        if keeps(0) && !parent.scopes.has_everything() {
            child.scopes = parent.scopes.clone();
        }
        if keeps(1) {
            child.bundle = parent.bundle.clone();
        }
        child.risk = child.risk.max(parent.risk);
        child.expires_at = child.expires_at.min(parent.expires_at);
        child.staleness = child.staleness.min(parent.staleness);
        child
    })
}

/// Every bound is reported, all at once, with both sides.
#[test]
fn all_breaches_come_at_once() {
    let terms = |scope: &str, bundle: &str, code: &str, n: u8| Terms {
        depth: n,
        max_depth: n,
        scopes: Scopes::from_any_order(vec![Scope::parse(scope).unwrap()]).unwrap(),
        risk: if n == 0 { Risk::High } else { Risk::Minimal },
        bundle: Bundle::parse(bundle).unwrap(),
        expires_at: i64::from(n),
        staleness: u32::from(n),
        jurisdiction: Jurisdiction::parse(code).unwrap(),
    };
    let (parent, child) = (terms("mail:*", "a+b@2.0.0", "EU", 0), terms("*", "a+b@1.0.0", "US", 2));
    assert_eq!(breached(&child, &parent), Bound::ALL);
    let exceeded = narrow(&child.bounds(), &parent.bounds()).unwrap_err();
    let packs = exceeded.breaches.iter().find(|breach| breach.bound == Bound::Packs).unwrap();
    assert_eq!((packs.parent.as_str(), packs.child.as_str()), ("a+b@2.0.0", "a+b@1.0.0"));
}

proptest! {
    // Most random generations exceed the one above; 256 that do not are required.
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// If each generation stays within the one above, the last stays within the first in every bound but the
    /// depth itself, which grows by one each time.
    #[test]
    fn narrowing_is_transitive(
        (first, second, third) in terms(0).prop_flat_map(|first| (Just(first.clone()), below(first)))
            .prop_flat_map(|(first, second)| (Just(first), Just(second.clone()), below(second)))
    ) {
        prop_assume!(breached(&second, &first).is_empty() && breached(&third, &second).is_empty());
        prop_assert_eq!(breached(&third, &first), [Bound::Depth]);
    }

    /// Depth is bounded: from depth 8 nothing can descend.
    #[test]
    fn depth_ends(parent in terms(8), child in terms(9)) {
        prop_assert!(breached(&child, &parent).contains(&Bound::Depth));
    }
}
