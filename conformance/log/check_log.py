#!/usr/bin/env python3
"""Checks a running Aegis transparency log from outside, sharing no code with it.

Written from RFC 6962, RFC 8785 and the C2SP pages signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature
and tlog-proof. Needs Python 3.9 and the PyPI package `cryptography`.

    check_log.py http://127.0.0.1:8080 [--vkey VKEY] [--sample 200 | --all] [--previous CHECKPOINT_FILE]
                 [--tlog-proof FILE]… [--witness VKEY]… [--quorum K] [--save CHECKPOINT_FILE]
    check_log.py --self-test [--verbose]

Downloads the checkpoint, every entry bundle and every tile, recomputes the whole tree, checks the log's
signature, and compares the answers of the proof endpoints with proofs made from the entries. Exit status 0:
all holds. 1: the log is wrong, unreachable, or its key unknown; the first fault is named on standard error.
"""

import argparse
import base64
import binascii
import hashlib
import json
import math
import random
import re
import sys
import urllib.error
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256
EM_DASH_SPACE = "\u2014 "


class Wrong(Exception):
    """The log, or what it says, does not hold."""


def demand(condition, what):
    if not condition:
        raise Wrong(what)


# --- scalars ---------------------------------------------------------------------------------------------


def decimal(text, what):
    demand(re.fullmatch(r"0|[1-9][0-9]{0,18}", text or ""), f"{what}: not a decimal number")
    return int(text)


def unbase64(text, what):
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, binascii.Error, UnicodeEncodeError):
        raise Wrong(f"{what}: not base64") from None
    demand(base64.b64encode(raw).decode() == text, f"{what}: not canonical base64")
    return raw


def hash_line(text, what):
    raw = unbase64(text, what)
    demand(len(raw) == 32, f"{what}: not a SHA-256 hash")
    return raw


def b64(raw):
    return base64.b64encode(raw).decode()


# --- RFC 6962 ---------------------------------------------------------------------------------------------


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(entry):
    return sha256(b"\0", entry)


def node_hash(left, right):
    return sha256(b"\1", left, right)


class Tree:
    """All complete subtrees over given leaf hashes; `rows[h][i]` covers leaves i·2^h … (i+1)·2^h."""

    def __init__(self, leaves):
        self.size = len(leaves)
        self.rows = [list(leaves)]
        while len(self.rows[-1]) > 1:
            below = self.rows[-1]
            self.rows.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def mth(self, start, end):
        """MTH(D[start:end]); start is a multiple of the largest power of two below the length."""
        length = end - start
        if length == 0:
            return sha256()
        if length & (length - 1) == 0:
            height = length.bit_length() - 1
            return self.rows[height][start >> height]
        split = 1 << ((length - 1).bit_length() - 1)
        return node_hash(self.mth(start, start + split), self.mth(start + split, end))

    def root(self, size=None):
        return self.mth(0, self.size if size is None else size)

    def path(self, index, size):
        """PATH(m, D[n]) of RFC 6962 section 2.1.1."""
        proof, start, end = [], 0, size
        while end - start > 1:
            split = start + (1 << ((end - start - 1).bit_length() - 1))
            if index < split:
                proof.append(self.mth(split, end))
                end = split
            else:
                proof.append(self.mth(start, split))
                start = split
        return proof[::-1]

    def consistency(self, first, size):
        """PROOF(m, D[n]) of RFC 6962 section 2.1.2."""

        def subproof(m, start, end, complete):
            if m == end - start:
                return [] if complete else [self.mth(start, end)]
            k = 1 << ((end - start - 1).bit_length() - 1)
            if m <= k:
                return subproof(m, start, start + k, complete) + [self.mth(start + k, end)]
            return subproof(m - k, start + k, end, False) + [self.mth(start, start + k)]

        return subproof(first, 0, size, True) if 0 < first < size else []


def root_of_path(index, size, leaf, proof):
    """The root an inclusion proof leads to, by the recursion that defines it."""
    demand(0 <= index < size, "inclusion proof: index beyond the tree")

    def climb(m, n, hashes):
        if n == 1:
            demand(not hashes, "inclusion proof: too many hashes")
            return leaf
        demand(hashes, "inclusion proof: too few hashes")
        k = 1 << ((n - 1).bit_length() - 1)
        if m < k:
            return node_hash(climb(m, k, hashes[:-1]), hashes[-1])
        return node_hash(hashes[-1], climb(m - k, n - k, hashes[:-1]))

    return climb(index, size, list(proof))


# --- notes, checkpoints, cosignatures -----------------------------------------------------------------------


class Key:
    """A verifier key of c2sp.org/signed-note: type 1 (Ed25519) or 4 (cosignature/v1)."""

    def __init__(self, vkey):
        parts = vkey.strip().split("+", 2)
        demand(len(parts) == 3 and re.fullmatch(r"[0-9a-f]{8}", parts[1]), "verifier key: syntax")
        self.name, self.id = parts[0], bytes.fromhex(parts[1])
        raw = unbase64(parts[2], "verifier key")
        demand(len(raw) == 33 and raw[0] in (1, 4), "verifier key: neither Ed25519 nor cosignature/v1")
        self.kind = raw[0]
        self.public = Ed25519PublicKey.from_public_bytes(raw[1:])
        demand(sha256(self.name.encode(), b"\n", raw)[:4] == self.id, "verifier key: id does not match")

    def time_of(self, text, signature):
        """Checks a signature over a note text; returns the time of a cosignature, else 0."""
        time = 0
        message = text.encode()
        try:
            if self.kind == 4:
                demand(len(signature) == 72, f"signature of {self.name}: length")
                time = int.from_bytes(signature[:8], "big")
                demand(time < 1 << 63, f"signature of {self.name}: time out of range")
                message = f"cosignature/v1\ntime {time}\n".encode() + message
                signature = signature[8:]
            self.public.verify(signature, message)
        except InvalidSignature:
            raise Wrong(f"signature of {self.name} does not hold") from None
        return time


class Note:
    def __init__(self, raw):
        try:
            note = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Wrong("note: not UTF-8") from None
        demand(not re.search(r"[\x00-\x09\x0b-\x1f]", note), "note: control characters")
        blank = note.rfind("\n\n")
        demand(blank >= 0 and note.endswith("\n"), "note: no signatures")
        self.text = note[: blank + 1]
        self.signatures = []
        for line in note[blank + 2 : -1].split("\n"):
            demand(line.startswith(EM_DASH_SPACE), "note: malformed signature line")
            name, _, signature = line[2:].partition(" ")
            demand(name and "+" not in name and not re.search(r"\s", name), "note: key name")
            signature = unbase64(signature, "note: signature")
            demand(len(signature) > 4, "note: short signature")
            self.signatures.append((name, signature[:4], signature[4:]))

    def signed_by(self, key):
        """Times of the signatures of `key`; every one of them must hold."""
        return [
            key.time_of(self.text, signature)
            for name, key_id, signature in self.signatures
            if name == key.name and key_id == key.id
        ]


class Checkpoint:
    """A checkpoint signed by one of `keys`."""

    def __init__(self, raw, keys):
        self.note = Note(raw)
        lines = self.note.text[:-1].split("\n")
        demand(len(lines) >= 3 and all(lines), "checkpoint: fewer than three lines, or an empty one")
        self.origin, self.size = lines[0], decimal(lines[1], "checkpoint size")
        self.root = hash_line(lines[2], "checkpoint root")
        signed = [key for key in keys if key.name == self.origin and self.note.signed_by(key)]
        demand(signed, "checkpoint: no signature of the log's key")

    def witnessed(self, witnesses, quorum):
        names = [key.name for key in witnesses if self.note.signed_by(key)]
        demand(len(names) >= quorum, f"checkpoint: {len(names)} of {quorum} witnesses")
        return names


# --- RFC 8785 and the leaf ----------------------------------------------------------------------------------


def number(value):
    """A double as ECMAScript writes it."""
    value = float(value)
    demand(math.isfinite(value), "JSON: number out of range")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    digits, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = digits.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    exponent = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + exponent


def jcs(value):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
    return "{" + ",".join(jcs(name) + ":" + jcs(item) for name, item in members) + "}"


def strict_json(raw, what):
    def members(pairs):
        names = dict(pairs)
        demand(len(names) == len(pairs), f"{what}: duplicate member")
        return names

    def refuse(constant):
        raise Wrong(f"{what}: {constant} is no JSON")

    try:
        return json.loads(raw, object_pairs_hook=members, parse_constant=refuse)
    except ValueError:
        raise Wrong(f"{what}: not JSON") from None


COMMITMENT = {"v", "at", "op", "actor", "subject", "outcome", "details_digest"}


def entry_of_opening(raw):
    """The entry bytes that an opening commits to."""
    opening = strict_json(raw, "opening")
    demand(isinstance(opening, dict) and set(opening) == {"commitment", "salt", "details"}, "opening: members")
    commitment = opening["commitment"]
    demand(isinstance(commitment, dict) and set(commitment) == COMMITMENT, "opening: commitment members")
    demand(commitment["v"] == 1 and type(commitment["v"]) is int, "opening: version")
    at = commitment["at"]
    demand(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(at)), "opening: at is no whole second")
    demand(re.fullmatch(r"[A-Za-z0-9_-]{43}", str(opening["salt"])), "opening: salt")
    salt = base64.urlsafe_b64decode(opening["salt"] + "=")
    digest = sha256(salt, jcs(opening["details"]).encode()).hex()
    demand(commitment["details_digest"] == f"sha256:{digest}", "opening: details are not those committed to")
    return sha256(jcs(commitment).encode())


def check_tlog_proof(raw, keys, witnesses=(), quorum=0):
    """c2sp.org/tlog-proof with our opening as extra data. Returns (index, checkpoint, entry)."""
    head, blank, note = raw.partition(b"\n\n")
    demand(blank, "tlog-proof: no checkpoint")
    lines = head.decode("utf-8", "replace").split("\n")
    demand(lines.pop(0) == "c2sp.org/tlog-proof@v1", "tlog-proof: first line")
    demand(lines and lines[0].startswith("extra "), "tlog-proof: no opening")
    entry = entry_of_opening(unbase64(lines.pop(0)[6:], "tlog-proof: extra"))
    demand(lines and lines[0].startswith("index "), "tlog-proof: no index")
    index = decimal(lines.pop(0)[6:], "tlog-proof: index")
    hashes = [hash_line(line, "tlog-proof: hash") for line in lines]
    checkpoint = Checkpoint(note, keys)
    checkpoint.witnessed(witnesses, quorum)
    root = root_of_path(index, checkpoint.size, leaf_hash(entry), hashes)
    demand(root == checkpoint.root, "tlog-proof: leads to another root")
    return index, checkpoint, entry


# --- tiles ----------------------------------------------------------------------------------------------------


def place(index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups) + ("" if width == WIDTH else f".p/{width}")


def tiles_of(size):
    """(level, index, width) of every hash tile."""
    level = 0
    while size >> (8 * level):
        hashes = size >> (8 * level)
        for index in range((hashes + WIDTH - 1) // WIDTH):
            yield level, index, min(WIDTH, hashes - index * WIDTH)
        level += 1


def split_bundle(raw, width, what):
    entries = []
    at = 0
    for _ in range(width):
        demand(at + 2 <= len(raw), f"{what}: too few entries")
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        demand(end <= len(raw), f"{what}: ends inside an entry")
        entries.append(raw[at + 2 : end])
        at = end
    return entries, raw[at:]


class Remote:
    """The public face of a log."""

    def __init__(self, base):
        self.base = base.rstrip("/")
        self.requests = 0

    def get(self, path, missing_ok=False):
        self.requests += 1
        try:
            with urllib.request.urlopen(self.base + path, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if missing_ok and error.code == 404:
                return None
            raise Wrong(f"GET {path}: status {error.code}") from None
        except OSError as error:
            raise Wrong(f"GET {path}: {error}") from None

    def log_keys(self):
        document = strict_json(self.get("/registry/keys"), "/registry/keys")
        keys = document.get("service_keys", [])
        vkeys = [key.get("vkey") for key in keys if key.get("purpose") == "log" and key.get("status") != "revoked"]
        demand(vkeys and all(vkeys), "/registry/keys names no log key")
        return [Key(vkey) for vkey in vkeys]

    def resource(self, path, index, width):
        """A partial tile may have been replaced by the full one."""
        raw = self.get(f"{path}/{place(index, width)}", missing_ok=width < WIDTH)
        if raw is None:
            return self.get(f"{path}/{place(index, WIDTH)}"), True
        return raw, False

    def tile(self, level, index, width):
        raw, wider = self.resource(f"/log/tile/{level}", index, width)
        what = f"tile {level}/{place(index, width)}"
        demand(len(raw) == (WIDTH if wider else width) * 32, f"{what}: {len(raw)} bytes")
        return [raw[at : at + 32] for at in range(0, width * 32, 32)]

    def bundle(self, index, width):
        raw, wider = self.resource("/log/tile/entries", index, width)
        what = f"entries {place(index, width)}"
        entries, rest = split_bundle(raw, width, what)
        demand(wider or not rest, f"{what}: bytes after the last entry")
        return entries


# --- the check ------------------------------------------------------------------------------------------------


def check_tree(remote, checkpoint):
    """Downloads everything; returns the recomputed tree and the number of tiles."""
    leaves = []
    bundles = (checkpoint.size + WIDTH - 1) // WIDTH
    for index in range(bundles):
        width = min(WIDTH, checkpoint.size - index * WIDTH)
        leaves += [leaf_hash(entry) for entry in remote.bundle(index, width)]
    tree = Tree(leaves)
    tiles = 0
    for level, index, width in tiles_of(checkpoint.size):
        computed = tree.rows[8 * level][index * WIDTH : index * WIDTH + width]
        for position, (ours, theirs) in enumerate(zip(computed, remote.tile(level, index, width))):
            demand(ours == theirs, f"tile {level}/{place(index, width)} is wrong at hash {position}")
        tiles += 1
    demand(tree.root() == checkpoint.root, "the entries do not lead to the checkpoint's root")
    return tree, bundles, tiles


def check_inclusion(remote, tree, keys, index, size):
    what = f"inclusion proof of {index} in {size}"
    answer = strict_json(remote.get(f"/log/proof/inclusion?index={index}&size={size}"), what)
    demand(answer.get("index") == index and answer.get("size") == size, f"{what}: answers another question")
    leaf = tree.rows[0][index]
    demand(answer.get("leaf_hash") == leaf.hex(), f"{what}: leaf hash")
    hashes = [hash_line(text, what) for text in answer.get("hashes", [])]
    demand(root_of_path(index, size, leaf, hashes) == tree.root(size), f"{what}: leads to another root")
    demand(hashes == tree.path(index, size), f"{what}: not the RFC 6962 path")
    signed = Checkpoint(answer.get("checkpoint", "").encode(), keys)
    demand(signed.size >= size, f"{what}: its checkpoint is smaller")
    demand(signed.size != size or signed.root == tree.root(size), f"{what}: its checkpoint is of another tree")


def check_consistency(remote, tree, first, second):
    what = f"consistency proof from {first} to {second}"
    answer = strict_json(remote.get(f"/log/proof/consistency?from={first}&to={second}"), what)
    demand(answer.get("from") == first and answer.get("to") == second, f"{what}: answers another question")
    hashes = [hash_line(text, what) for text in answer.get("hashes", [])]
    demand(hashes == tree.consistency(first, second), f"{what}: not the RFC 6962 proof")


def sample_of(population, count):
    if count is None or count >= population:
        return list(range(population))
    edges = {0, population - 1, population // 2} | {i for i in (255, 256, 65535, 65536) if i < population}
    edges = set(sorted(edges)[:count])
    chosen = random.Random(population).sample(range(population), count)
    return sorted(edges | set(chosen[: count - len(edges)]))


def check_log(base, keys=None, sample=200, previous=None, proofs=(), witnesses=(), quorum=0, save=None, say=print):
    remote = Remote(base)
    keys = keys or remote.log_keys()
    raw = remote.get("/log/checkpoint")
    checkpoint = Checkpoint(raw, keys)
    names = checkpoint.witnessed(witnesses, quorum)
    say(f"checkpoint: {checkpoint.origin} size {checkpoint.size} root {checkpoint.root.hex()}")
    say(f"signatures: log holds, {len(names)} known witnesses")
    tree, bundles, tiles = check_tree(remote, checkpoint)
    say(f"tree: {tree.size} entries in {bundles} bundles and {tiles} tiles recomputed, root equal")
    if previous is not None:
        earlier = Checkpoint(previous, keys)
        demand(earlier.origin == checkpoint.origin, "the earlier checkpoint is of another log")
        demand(earlier.size <= tree.size, f"the log shrank from {earlier.size} to {tree.size}")
        demand(tree.root(earlier.size) == earlier.root, f"the log is not the one it was at size {earlier.size}")
        check_consistency(remote, tree, earlier.size, tree.size)
        say(f"earlier checkpoint: size {earlier.size} is a prefix")
    chosen = sample_of(tree.size, sample)
    for index in chosen:
        check_inclusion(remote, tree, keys, index, tree.size)
        if index + 1 < tree.size and len(chosen) <= 2000:
            check_inclusion(remote, tree, keys, index, index + 1)
    say(f"inclusion proofs: {len(chosen)} of {tree.size} entries")
    sizes = [size for size in sample_of(tree.size + 1, sample and max(sample // 2, 8)) if size]
    for first in sizes:
        check_consistency(remote, tree, first, tree.size)
    say(f"consistency proofs: {len(sizes)}")
    for proof in proofs:
        index, signed, entry = check_tlog_proof(proof, keys, witnesses, quorum)
        demand(signed.size <= tree.size and tree.root(signed.size) == signed.root, "tlog-proof: of another tree")
        demand(tree.rows[0][index] == leaf_hash(entry), "tlog-proof: of another entry")
        say(f"tlog-proof: entry {index} opens and is included")
    if save:
        with open(save, "wb") as file:
            file.write(raw)
    say(f"requests: {remote.requests}")
    return tree.size


def main():
    options = argparse.ArgumentParser(description="Checks a transparency log from outside.")
    options.add_argument("url", nargs="?", help="base URL, such as http://127.0.0.1:8080")
    options.add_argument("--vkey", action="append", help="the log's verifier key (default: from /registry/keys)")
    options.add_argument("--sample", type=int, default=200, help="entries whose proofs are asked for")
    options.add_argument("--all", action="store_true", help="ask for the proofs of all entries")
    options.add_argument("--previous", help="file with an earlier checkpoint")
    options.add_argument("--save", help="file to keep the checkpoint in, for --previous next time")
    options.add_argument("--tlog-proof", action="append", default=[], help="file to check as well")
    options.add_argument("--witness", action="append", default=[], help="verifier key of a witness")
    options.add_argument("--quorum", type=int, default=0, help="how many of the witnesses must have cosigned")
    options.add_argument("--self-test", action="store_true", help="check a small log of our own, sound and damaged")
    options.add_argument("--verbose", action="store_true", help="with --self-test: name every refused log")
    given = options.parse_args()
    try:
        if given.self_test:
            from self_test import self_test

            self_test(given.verbose)
            return 0
        if not given.url:
            options.error("a URL or --self-test is needed")
        read = lambda name: open(name, "rb").read()
        check_log(
            given.url,
            keys=[Key(vkey) for vkey in given.vkey or []],
            sample=None if given.all else max(given.sample, 1),
            previous=read(given.previous) if given.previous else None,
            proofs=[read(name) for name in given.tlog_proof],
            witnesses=[Key(vkey) for vkey in given.witness],
            quorum=given.quorum,
            save=given.save,
        )
    except (Wrong, OSError) as fault:
        print(f"WRONG: {fault}", file=sys.stderr)
        return 1
    print("ok")
    return 0


if __name__ == "__main__":
    import check_log as this  # so that self_test.py sees the same classes

    sys.exit(this.main())
