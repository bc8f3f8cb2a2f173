//! What is written down of the chain in process: each change once, as its outcome, so that reading it back runs no EVM
//! and means the same under another version of the program.

use alloy::consensus::Header;
use alloy::primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

use super::block::Included;
use super::state::PatchRows;

/// A block as it is kept.
#[derive(RlpEncodable, RlpDecodable)]
pub(super) struct Mined {
    pub(super) header: Header,
    pub(super) included: Vec<Included>,
    pub(super) patch: PatchRows,
}

/// A block with what takes it back.
#[derive(RlpEncodable, RlpDecodable)]
pub(super) struct Past {
    pub(super) header: Header,
    pub(super) included: Vec<Included>,
    /// Empty once the block is too deep to be taken back.
    pub(super) inverse: Vec<PatchRows>,
}

/// A transaction that waits.
#[derive(RlpEncodable, RlpDecodable)]
pub(super) struct Pooled {
    pub(super) bytes: Bytes,
    pub(super) not_before: u64,
    pub(super) fails: bool,
}

/// Everything there is.
#[derive(RlpEncodable, RlpDecodable)]
pub(super) struct Whole {
    pub(super) chain_id: u64,
    pub(super) faucet: Address,
    pub(super) branch: u64,
    pub(super) paused: bool,
    pub(super) world: PatchRows,
    pub(super) blocks: Vec<Past>,
    pub(super) waiting: Vec<Pooled>,
}

/// Blocks that were taken back.
#[derive(RlpEncodable, RlpDecodable)]
pub(super) struct Undone {
    /// The newest block that stays.
    pub(super) height: u64,
    /// Whether their transactions wait again.
    pub(super) returned: bool,
}

/// One change.
pub(super) enum Record {
    Whole(Box<Whole>),
    Pooled(Pooled),
    Forgotten(B256),
    Mined(Box<Mined>),
    Undone(Undone),
    Paused(bool),
}

impl Record {
    /// A kind and the fields.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Record::Whole(whole) => kind(1, whole.as_ref(), &mut bytes),
            Record::Pooled(pooled) => kind(2, pooled, &mut bytes),
            Record::Forgotten(hash) => kind(3, hash, &mut bytes),
            Record::Mined(mined) => kind(4, mined.as_ref(), &mut bytes),
            Record::Undone(undone) => kind(5, undone, &mut bytes),
            Record::Paused(paused) => kind(6, paused, &mut bytes),
        }
        bytes
    }

    /// Reads the above and nothing else.
    pub(super) fn read(bytes: &[u8]) -> Option<Record> {
        let (kind, mut rest) = bytes.split_first()?;
        let rest = &mut rest;
        let record = match kind {
            1 => Record::Whole(Box::new(Whole::decode(rest).ok()?)),
            2 => Record::Pooled(Pooled::decode(rest).ok()?),
            3 => Record::Forgotten(B256::decode(rest).ok()?),
            4 => Record::Mined(Box::new(Mined::decode(rest).ok()?)),
            5 => Record::Undone(Undone::decode(rest).ok()?),
            6 => Record::Paused(bool::decode(rest).ok()?),
            _ => return None,
        };
        rest.is_empty().then_some(record)
    }
}

fn kind(kind: u8, fields: &impl Encodable, out: &mut Vec<u8>) {
    out.push(kind);
    fields.encode(out);
}
