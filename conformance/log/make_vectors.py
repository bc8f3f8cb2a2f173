#!/usr/bin/env python3
"""Writes vectors/tlog/{reference_tree,signed_note,aegis}.json with the Python implementation beside this file.

The Rust crate reads them, so that each format has two independent authors. `make_vectors.py [--check]`: with
--check, compares instead of writing.
"""

import json
import pathlib
import sys

import check_log as c
import self_test as s

OUT = pathlib.Path(__file__).resolve().parents[2] / "vectors" / "tlog"
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlT"
    "gK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
DETAILS = [
    {}, None, "text", [1, 1.0, -0.0, 1e21, 1e-7, 0.1, 123456789012345680000, 5e-324, 1.7976931348623157e308],
    {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7, "</script>": 8},
    {"control": "\x00\x08\t\n\x0c\r\x1f\"\\/\x7f", "nested": {"b": [True, False, None], "a": {}}},
]


def reference_tree():
    leaves = [bytes.fromhex(leaf) for leaf in LEAVES]
    tree = c.Tree([c.leaf_hash(leaf) for leaf in leaves])
    hexes = lambda hashes: [node.hex() for node in hashes]
    return {
        "what": "the 8-leaf tree of the Certificate Transparency reference implementation; bytes in hex",
        "source": "leaves and roots: github.com/transparency-dev/merkle testonly/constants.go; proofs: the "
        "definitions of RFC 6962 sections 2.1.1 and 2.1.2",
        "licence": "Apache-2.0, Copyright Google LLC",
        "leaves": LEAVES,
        "roots": hexes(tree.root(size) for size in range(9)),
        "inclusion": [
            {"index": index, "size": size, "hashes": hexes(tree.path(index, size))}
            for size in range(1, 9) for index in range(size)
        ],
        "consistency": [
            {"from": first, "to": size, "hashes": hexes(tree.consistency(first, size))}
            for size in range(1, 9) for first in range(1, size + 1)
        ],
    }


def signed_note():
    key, note = c.Key(SPEC_KEY), c.Note(SPEC_NOTE.encode())
    c.demand(note.signed_by(key) == [0], "the specification's example does not hold")
    return {
        "what": "the example of the signed-note specification",
        "source": "c2sp.org/signed-note, section Verifier keys",
        "licence": "CC-BY-4.0, the C2SP contributors",
        "vkey": SPEC_KEY,
        "note": SPEC_NOTE,
    }


def openings():
    for number, details in enumerate(DETAILS):
        salt = bytes(range(number, number + 32))
        commitment = {
            "v": 1, "at": f"2026-05-08T22:00:{number:02}Z", "op": "identity.issue", "actor": "op_acme_corp",
            "subject": f"agent_\u00e9\n{number}", "outcome": "committed",
            "details_digest": "sha256:" + c.sha256(salt, c.jcs(details).encode()).hex(),
        }
        salt = c.base64.urlsafe_b64encode(salt).decode().rstrip("=")
        text = c.jcs({"commitment": commitment, "salt": salt, "details": details})
        entry = c.entry_of_opening(text)
        yield {"opening": text, "entry": entry.hex(), "leaf_hash": c.leaf_hash(entry).hex()}


def aegis():
    log = s.Log(700)
    tree = c.Tree([c.leaf_hash(number.to_bytes(8, "big")) for number in range(65_537)])
    vkey = lambda key, kind: f"{key.name}+{key.id.hex()}+" + c.b64(
        bytes([kind]) + key.public.public_bytes(s.Encoding.Raw, s.PublicFormat.Raw))
    policy = f"log {vkey(s.LOG_KEY, 1)}\nwitness w1 {vkey(s.WITNESS_KEY, 4)}\nquorum w1\n"
    return {
        "what": "Aegis leaves, checkpoints, cosignatures and proofs. Keys are Ed25519 seeds of 32 equal bytes",
        "source": "conformance/log/make_vectors.py",
        "licence": "Apache-2.0",
        "log": {"seed_byte": 1, "vkey": vkey(s.LOG_KEY, 1)},
        "witness": {"seed_byte": 2, "vkey": vkey(s.WITNESS_KEY, 4), "at": 1_778_277_600},
        "openings": list(openings()),
        "entries_are": "index as 8 bytes, big-endian",
        "roots": {str(n): tree.root(n).hex() for n in (0, 1, 255, 256, 257, 65_535, 65_536, 65_537)},
        "checkpoint": {"size": 700, "root": log.tree.root().hex(), "note": log.checkpoint().decode()},
        "policy": policy,
        "tlog_proofs": [log.tlog_proof(index).decode() for index in (0, 7)],
    }


def main():
    wrong = 0
    for name, document in [("reference_tree", reference_tree()), ("signed_note", signed_note()), ("aegis", aegis())]:
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        path = OUT / f"{name}.json"
        if "--check" in sys.argv[1:]:
            same = path.read_text(encoding="utf-8") == text
            wrong += not same
            print(f"{path.name}: {'same' if same else 'DIFFERENT'}")
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
