//! Statements on letters. One statement a function; no decisions.

use aegis_core::id::MailId;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Row, Sql, Tx, Value};

use super::{Letter, MailRow};

pub(super) fn insert_mail(
    tx: &mut Tx<'_>,
    id: MailId,
    letter: &Letter,
    sealed: &[u8],
    now: Timestamp,
) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO mail (id, recipient, subject, sealed, state, created_at, useless_at, attempts, next_attempt_at) \
         VALUES ($1, $2, $3, $4, 'waiting', $5, $6, 0, $5)",
    );
    let values: [Value; 6] = [
        id.to_string().into(),
        letter.to.as_str().into(),
        letter.subject.as_str().into(),
        sealed.into(),
        now.as_micros().into(),
        letter.useless_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn list_due(tx: &mut Tx<'_>, now: Timestamp, limit: u32) -> Result<Vec<MailRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, recipient, subject, sealed, useless_at, attempts FROM mail \
         WHERE state = 'waiting' AND next_attempt_at <= $1 ORDER BY next_attempt_at, id LIMIT $2",
    );
    tx.list(LIST, &[now.as_micros().into(), limit.into()], mail_row)
}

/// Those whose text was kept, newest first, with the instant they were sent.
pub(super) fn list_sent(
    tx: &mut Tx<'_>,
    to: Option<&str>,
    limit: u32,
) -> Result<Vec<(MailRow, Timestamp)>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, recipient, subject, sealed, useless_at, attempts, sent_at FROM mail \
         WHERE state = 'sent' AND sealed IS NOT NULL AND (CAST($1 AS TEXT) IS NULL OR recipient = $1) \
         ORDER BY id DESC LIMIT $2",
    );
    let values: [Value; 2] = [to.into(), limit.into()];
    tx.list(LIST, &values, |row| Ok((mail_row(row)?, Timestamp::from_micros(row.get(6)?))))
}

/// With `keep` the text stays.
pub(super) fn update_sent(
    tx: &mut Tx<'_>,
    id: MailId,
    attempts: u32,
    now: Timestamp,
    keep: bool,
) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new(
        "UPDATE mail SET state = 'sent', attempts = $2, sent_at = $3, problem = NULL, \
         sealed = CASE WHEN $4 = 1 THEN sealed ELSE NULL END WHERE id = $1",
    );
    let values: [Value; 4] =
        [id.to_string().into(), attempts.into(), now.as_micros().into(), i64::from(keep).into()];
    tx.execute(UPDATE, &values).map(drop)
}

pub(super) fn update_given_up(tx: &mut Tx<'_>, id: MailId, attempts: u32, why: &str) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new(
        "UPDATE mail SET state = 'given_up', attempts = $2, problem = $3, sealed = NULL WHERE id = $1",
    );
    tx.execute(UPDATE, &[id.to_string().into(), attempts.into(), why.into()]).map(drop)
}

pub(super) fn update_next_attempt(
    tx: &mut Tx<'_>,
    id: MailId,
    attempts: u32,
    next: Timestamp,
    why: &str,
) -> Result<(), Fault> {
    const UPDATE: Sql =
        Sql::new("UPDATE mail SET attempts = $2, next_attempt_at = $3, problem = $4 WHERE id = $1");
    let values: [Value; 4] = [id.to_string().into(), attempts.into(), next.as_micros().into(), why.into()];
    tx.execute(UPDATE, &values).map(drop)
}

pub(super) fn delete_before(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM mail WHERE state <> 'waiting' AND created_at < $1");
    tx.execute(DELETE, &[before.as_micros().into()])
}

fn mail_row(row: &Row<'_>) -> Result<MailRow, Fault> {
    let id: String = row.get(0)?;
    let damaged = || Fault::Damaged { cause: Cause::text("mail.id is no id") };
    Ok(MailRow {
        id: MailId::parse(&id).ok_or_else(damaged)?,
        to: row.get(1)?,
        subject: row.get(2)?,
        sealed: row.get(3)?,
        useless_at: Timestamp::from_micros(row.get(4)?),
        attempts: row.get(5)?,
    })
}
