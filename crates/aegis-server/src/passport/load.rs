//! Building the registry from the database at start.

use std::sync::Arc;

use aegis_kernel::audit::read as log;
use aegis_kernel::{Call, Kernel};
use aegis_passport::ids::{Did, PassportId};
use aegis_passport::pack::{Pack, PackShelf, PackStatus};
use aegis_store::{Cause, Fault, Tx};

use super::facts;
use super::key_history::published;
use super::ops::Bootstrap;
use super::ops::known;
use super::registry::{Loaded, ParentDocument, Registry};
use super::settings::Settings;
use super::sql::{self, PassportRow};

/// Passports read in one query while loading.
const LOAD_ROWS: u32 = 10_000;

impl Registry {
    /// Makes what an instance needs at its first start, then loads everything verification has to know.
    ///
    /// # Errors
    /// Faults of the store; stored data that cannot be read.
    pub async fn open(kernel: &Kernel, origin: &str, settings: Settings) -> Result<Arc<Registry>, Fault> {
        let origin = origin.trim_end_matches('/').to_owned();
        let issuer = Did::from_origin(&origin).ok_or_else(|| Fault::Internal {
            what: "derive the issuer from http.public_origin",
            cause: Cause::text(format!("{origin} has no host a did:web can name")),
        })?;
        bootstrap(kernel, &issuer).await?;
        let loading = origin.clone();
        let loaded = kernel
            .parts()
            .store
            .read(move |tx| load(tx, issuer.clone(), loading.clone(), settings.clone()))
            .await?;
        let registry = Arc::new(Registry::new(loaded));
        let observing = Arc::clone(&registry);
        kernel.parts().log.observe(Arc::new(move |integrated| observing.integrated(integrated)));
        let mut after = None;
        loop {
            let filling = Arc::clone(&registry);
            let next = kernel.parts().store.read(move |tx| fill(tx, &filling, after)).await?;
            match next {
                None => return Ok(registry),
                Some(last) => after = Some(last),
            }
        }
    }
}

async fn bootstrap(kernel: &Kernel, issuer: &Did) -> Result<(), Fault> {
    const WHAT: &str = "prepare the instance";
    let operation = Bootstrap { kernel: kernel.clone(), issuer: issuer.clone() };
    match kernel.execute(Call::instance(None), operation).await {
        Ok(_) => Ok(()),
        Err(failure) => Err(Fault::Internal { what: WHAT, cause: Cause::new(failure.refusal(WHAT)?) }),
    }
}

fn load(tx: &mut Tx<'_>, issuer: Did, origin: String, settings: Settings) -> Result<Loaded, Fault> {
    let damaged = |what: &str| Fault::Damaged { cause: Cause::text(what) };
    let (_, document) = sql::newest_key_history(tx)?.ok_or_else(|| damaged("there is no key history"))?;
    let (keys, published) = published(&document)?;
    if *keys.issuer() != issuer {
        let held = keys.issuer();
        return Err(Fault::Schema {
            problem: format!(
                "this database belongs to {held}; http.public_origin {origin} would make it {issuer}. \
                 Passports name their issuer: start with the origin they were issued under"
            ),
        });
    }
    let mut packs = Vec::new();
    for row in sql::list_packs(tx)? {
        let status =
            PackStatus::parse(&row.status).ok_or_else(|| damaged("policy_pack.status is unknown"))?;
        let pack =
            Pack::read(row.content.as_bytes()).map_err(|_| damaged("a stored policy pack is unreadable"))?;
        packs.push((pack, status));
    }
    Ok(Loaded {
        issuer,
        origin,
        settings,
        keys,
        published,
        shelf: PackShelf::new(packs),
        sequence: sql::newest_sequence(tx)?,
        used: sql::list_usage(tx)?.into_iter().collect(),
    })
}

/// Takes up one batch of passports; returns the last id, or nothing when all are read.
fn fill(
    tx: &mut Tx<'_>,
    registry: &Registry,
    after: Option<PassportId>,
) -> Result<Option<PassportId>, Fault> {
    if after.is_none() {
        for (digest, pins) in sql::list_pins(tx)? {
            registry.add_pins(digest, facts::read_pins(&pins)?);
        }
        for operator in sql::list_suspended_operators(tx)? {
            registry.set_operator_suspended(&operator, Some(aegis_core::time::Timestamp::from_micros(0)));
        }
    }
    let rows = sql::list_all_passports(tx, after, LOAD_ROWS)?;
    for row in &rows {
        take_up(tx, registry, row)?;
    }
    Ok(rows.last().map(|row| row.id))
}

fn take_up(tx: &mut Tx<'_>, registry: &Registry, row: &PassportRow) -> Result<(), Fault> {
    let mut known = known(row);
    let logged = log::find_logged(tx, row.log_entry)?
        .ok_or_else(|| Fault::Damaged { cause: Cause::text("a passport is not in the log") })?;
    if let Some(index) = logged.index {
        known.registered.log_index = Some(index);
        known.registered.logged_at =
            log::first_checkpoint_over(tx, index)?.map(|checkpoint| checkpoint.signed_at);
    }
    registry.add_known(row.id, known, row.log_entry);
    if let Some(parent) = row.parent
        && !registry.has_parent(parent)
    {
        let passport = facts::read_document(tx, parent)?.passport().clone();
        registry.add_parent(parent, Arc::new(ParentDocument { passport }));
    }
    Ok(())
}
