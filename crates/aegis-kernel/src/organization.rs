//! Organizations as rows: who they are, which id they have in each role, whether everything of them is
//! stopped. What a [`Caller`](crate::caller::Caller) knows of its organization is read from the same rows with
//! every request, so a suspension needs no further step to take effect.

mod sql;

use std::collections::BTreeMap;

use aegis_core::page::{Page, Paged};
use aegis_core::time::Timestamp;
use aegis_store::{Fault, Tx};

use crate::caller::Role;

/// A signed business associate agreement that the instance holds a copy of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// When it was signed.
    pub signed_at: Timestamp,
    /// SHA-256 of the document, 64 lower-case hexadecimal characters.
    pub document_sha256: String,
}

/// One organization as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRow {
    /// Its own id: the id of its first role.
    pub id: String,
    /// Its id in each role; never empty.
    pub ids: BTreeMap<Role, String>,
    /// How it is called.
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// The agreement on file, if there is one.
    pub agreement: Option<Agreement>,
    /// Everything of a suspended organization stops.
    pub suspended: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Those of `ids` that some organization already has, in any role.
///
/// # Errors
/// Faults of the store.
pub fn list_taken<'i>(
    tx: &mut Tx<'_>,
    ids: impl IntoIterator<Item = &'i String>,
) -> Result<Vec<String>, Fault> {
    let mut taken = Vec::new();
    for id in ids {
        if sql::is_taken(tx, id)? {
            taken.push(id.clone());
        }
    }
    Ok(taken)
}

/// Writes a new organization, none of whose ids is taken.
///
/// # Errors
/// Faults of the store.
pub fn insert(tx: &mut Tx<'_>, row: &OrganizationRow) -> Result<(), Fault> {
    sql::insert_organization(tx, row)?;
    row.ids.iter().try_for_each(|(role, id)| sql::insert_role(tx, &row.id, *role, id))
}

/// Writes name and suspension back.
///
/// # Errors
/// Faults of the store.
pub fn update(tx: &mut Tx<'_>, row: &OrganizationRow) -> Result<(), Fault> {
    sql::update_organization(tx, row)
}

/// The organization that has `id` in any of its roles.
///
/// # Errors
/// Faults of the store.
pub fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<OrganizationRow>, Fault> {
    Ok(fold(sql::list_roles_of(tx, id)?).pop())
}

/// Organizations, newest first.
///
/// # Errors
/// Faults of the store.
pub fn list(tx: &mut Tx<'_>, page: &Page) -> Result<Paged<OrganizationRow>, Fault> {
    let after = page.after().and_then(read_sort_key);
    let rows = fold(sql::list_roles(tx, after, page.fetch_count())?);
    Ok(page.cut(rows, |row| format!("{}/{}", row.created_at.as_micros(), row.id)))
}

/// Ids may be slugs, so the order of creation is kept by the instant.
fn read_sort_key(key: &str) -> Option<(Timestamp, &str)> {
    let (micros, id) = key.split_once('/')?;
    Some((Timestamp::from_micros(micros.parse().ok()?), id))
}

/// Joins rows of one role each, grouped by organization, into organizations.
fn fold(rows: Vec<OrganizationRow>) -> Vec<OrganizationRow> {
    let mut organizations: Vec<OrganizationRow> = Vec::new();
    for row in rows {
        match organizations.last_mut() {
            Some(last) if last.id == row.id => last.ids.extend(row.ids),
            Some(_) | None => organizations.push(row),
        }
    }
    organizations
}
