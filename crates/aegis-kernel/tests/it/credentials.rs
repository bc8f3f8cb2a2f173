//! Keys, tokens and the organizations behind them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aegis_core::api_key::{ApiKeySecret, KeyRealm};
use aegis_core::id::ApiKeyId;
use aegis_core::moment::Moment;
use aegis_core::page::Page;
use aegis_core::time::Timestamp;
use aegis_kernel::caller::Scopes;
use aegis_kernel::credential::{self, NewKey, Presented};
use aegis_kernel::housekeeping::Housekeeping;
use aegis_kernel::job::{Job as _, Report};
use aegis_kernel::organization::{self, OrganizationRow};
use aegis_kernel::{Caller, Failure, Kernel, Permission, Rejection, Role};
use aegis_store::{Fault, Lane, Sql, Tx, Verdict};
use aegis_testkit::backend::TestDatabase;

use super::fixture::{advance, begin};

const READ: Permission = Permission::any_role("read");
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

/// Runs `work` as the kernel would: one transaction, one moment.
async fn within<T: Send + 'static>(
    kernel: &Kernel,
    work: impl Fn(&mut Tx<'_>, &mut Moment) -> Result<T, Fault> + Send + 'static,
) -> T {
    let working = kernel.clone();
    let write = move |tx: &mut Tx<'_>| {
        let mut at = Moment::new(working.now(), working.parts().entropy.fork());
        work(tx, &mut at).map(Verdict::Commit)
    };
    kernel.parts().store.write(Lane::none(), write, |_| {}).await.expect("write")
}

fn row(id: &str, created_at: Timestamp) -> OrganizationRow {
    OrganizationRow {
        id: id.to_owned(),
        ids: BTreeMap::from([(Role::Operator, id.to_owned())]),
        name: "Test".to_owned(),
        country: "US".to_owned(),
        agreement: None,
        suspended: false,
        created_at,
    }
}

/// An organization and its key.
async fn organization_with_key(kernel: &Kernel, allowed_ips: &[&str]) -> (ApiKeyId, ApiKeySecret) {
    let allowed_ips: Vec<_> = allowed_ips.iter().map(|network| network.parse().unwrap()).collect();
    within(kernel, move |tx, at| {
        organization::insert(tx, &row("op_test", at.now()))?;
        let new = NewKey {
            organization: Some("op_test".to_owned()),
            scopes: Scopes::parse("read write"),
            allowed_ips: allowed_ips.clone(),
            expires_at: Some(at.now().plus_seconds(86_400 * 30)),
        };
        let (key, secret) = credential::create_key(tx, at, KeyRealm::Test, new)?;
        Ok((key.id, secret))
    })
    .await
}

async fn present(kernel: &Kernel, presented: Presented) -> Result<Caller, Rejection> {
    match kernel.authenticate(presented, READ, HOME).await {
        Ok(caller) => Ok(caller),
        Err(Failure::Rejected(rejection)) => Err(rejection),
        Err(Failure::Refused(never)) => match never {},
        Err(Failure::Fault(fault)) => panic!("{fault}"),
    }
}

async fn key(kernel: &Kernel, secret: &ApiKeySecret) -> Result<Caller, Rejection> {
    present(kernel, Presented::ApiKey(secret.reveal().to_owned())).await
}

fn is_unauthorized(outcome: &Result<Caller, Rejection>) -> bool {
    matches!(outcome, Err(Rejection::Unauthorized { .. }))
}

/// Goal: rotation gives time to change over. Method: both secrets work within the overlap, then the new one.
pub(crate) async fn a_rotated_secret_works_until_its_overlap_ends(database: &TestDatabase) {
    let kernel = begin(database).await;
    let (id, first) = organization_with_key(&kernel, &[]).await;
    let second = within(&kernel, move |tx, at| {
        let until = at.now().plus_seconds(3600);
        credential::rotate_key(tx, at, KeyRealm::Test, id, until)
    })
    .await;
    advance(&kernel, 3599);
    let callers = (key(&kernel, &first).await.unwrap(), key(&kernel, &second).await.unwrap());
    assert_eq!((callers.0.key, callers.1.key), (Some(id), Some(id)));
    advance(&kernel, 1);
    assert!(is_unauthorized(&key(&kernel, &first).await));
    assert!(key(&kernel, &second).await.is_ok());
}

/// Goal: a revocation is felt by the next request. Method: key, both secrets and a token of it are refused.
pub(crate) async fn a_revoked_key_dies_at_once_with_its_tokens(database: &TestDatabase) {
    let kernel = begin(database).await;
    let (id, first) = organization_with_key(&kernel, &[]).await;
    let (second, token) = within(&kernel, move |tx, at| {
        let until = at.now().plus_seconds(3600);
        let second = credential::rotate_key(tx, at, KeyRealm::Test, id, until)?;
        let token = credential::mint_token(tx, at, id, &Scopes::parse("read"))?;
        Ok((second, token.expose().clone()))
    })
    .await;
    let bearer = || Presented::Bearer(token.clone());
    let narrowed = present(&kernel, bearer()).await.unwrap();
    assert_eq!((narrowed.key, narrowed.scopes.to_string()), (Some(id), "read".to_owned()));
    within(&kernel, move |tx, at| credential::revoke_key(tx, id, at.now())).await;
    for outcome in [
        key(&kernel, &first).await,
        key(&kernel, &second).await,
        present(&kernel, bearer()).await,
        present(&kernel, Presented::Bearer(first.reveal().to_owned())).await,
    ] {
        assert!(is_unauthorized(&outcome), "{outcome:?}");
    }
}

/// Goal: a key binds itself. Method: other networks, the time after its end, the other kind of instance and a
/// mistyped secret are each refused.
pub(crate) async fn a_key_is_good_where_it_says(database: &TestDatabase) {
    let kernel = begin(database).await;
    let (_, secret) = organization_with_key(&kernel, &["192.0.2.0/24", "2001:db8::/32"]).await;
    let presented = || Presented::ApiKey(secret.reveal().to_owned());
    for (address, good) in [
        ("192.0.2.200", true),
        ("::ffff:192.0.2.200", true),
        ("2001:db8:1::1", true),
        ("192.0.3.1", false),
        ("2001:db9::1", false),
    ] {
        let outcome = kernel.authenticate(presented(), READ, address.parse().unwrap()).await;
        assert_eq!(outcome.is_ok(), good, "{address}");
    }
    let live = ApiKeySecret::generate(KeyRealm::Live, &mut kernel.parts().entropy.fork());
    assert!(is_unauthorized(&key(&kernel, &live).await));
    let mistyped = secret.reveal().replace("ak_test_", "ak_test_x");
    assert!(is_unauthorized(&present(&kernel, Presented::ApiKey(mistyped)).await));
    advance(&kernel, 86_400 * 30);
    assert!(is_unauthorized(&key(&kernel, &secret).await));
}

/// Goal: a suspension stops everything at once, and its end lets everything go on. Method: the same key before,
/// meanwhile and after.
pub(crate) async fn a_suspended_organization_may_do_nothing(database: &TestDatabase) {
    let kernel = begin(database).await;
    let (_, secret) = organization_with_key(&kernel, &[]).await;
    for suspended in [false, true, false] {
        within(&kernel, move |tx, _| {
            let mut row = organization::find(tx, "op_test")?.expect("there");
            row.suspended = suspended;
            organization::update(tx, &row)
        })
        .await;
        let outcome = key(&kernel, &secret).await;
        let expected = if suspended { Err(Rejection::Suspended) } else { Ok(()) };
        assert_eq!(outcome.map(drop), expected);
    }
}

/// Goal: housekeeping keeps what still means something. Method: a fresh token survives, an expired one goes; the
/// use of a key is written; a second housekeeper has nothing to do.
pub(crate) async fn housekeeping_forgets_what_expired_and_notes_uses(database: &TestDatabase) {
    const TOKENS: Sql = Sql::new("SELECT COUNT(*) FROM access_token");
    let kernel = begin(database).await;
    let (id, secret) = organization_with_key(&kernel, &[]).await;
    let mint = move |tx: &mut Tx<'_>, at: &mut Moment| {
        credential::mint_token(tx, at, id, &Scopes::parse("read")).map(drop)
    };
    within(&kernel, mint).await;
    advance(&kernel, 901);
    within(&kernel, mint).await;
    key(&kernel, &secret).await.unwrap();
    let used_at = kernel.now();
    let (first, second) = (Housekeeping::new(kernel.clone()), Housekeeping::new(kernel.clone()));
    assert_eq!(first.tick().await.unwrap(), Report::Worked);
    assert_eq!(first.tick().await.unwrap(), Report::Idle);
    let (tokens, row) = kernel
        .parts()
        .store
        .read(move |tx| {
            let tokens: u64 = tx.one(TOKENS, &[], |row| row.get(0))?;
            Ok((tokens, credential::find_key(tx, "op_test", id)?))
        })
        .await
        .unwrap();
    assert_eq!((tokens, row.unwrap().last_used_at), (1, Some(used_at)));
    advance(&kernel, 100);
    within(&kernel, mint).await;
    assert_eq!(second.tick().await.unwrap(), Report::Idle, "the lease is the first one's");
}

/// Goal: a list of organizations is stable. Method: pages of two, slugs in no order, one made in between.
pub(crate) async fn organizations_are_listed_newest_first(database: &TestDatabase) {
    let kernel = begin(database).await;
    for id in ["op_c", "op_a", "op_b"] {
        advance(&kernel, 1);
        within(&kernel, move |tx, at| organization::insert(tx, &row(id, at.now()))).await;
    }
    let read = |page: Page| kernel.parts().store.read(move |tx| organization::list(tx, &page));
    let first = read(Page::new(Some(2), None)).await.unwrap();
    within(&kernel, |tx, at| organization::insert(tx, &row("op_d", at.now()))).await;
    let second = read(Page::new(Some(2), first.next.clone())).await.unwrap();
    let ids: Vec<String> = first.items.into_iter().chain(second.items).map(|row| row.id).collect();
    assert_eq!(ids, ["op_b", "op_a", "op_c"]);
    assert_eq!(second.next, None);
}
