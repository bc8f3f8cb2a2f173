"""Shows that check_log.py can fail: serves a log made here, sound and then damaged in every way we know.

Imported by `check_log.py --self-test`.
"""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import check_log as c

ORIGIN = "self-test.example/log"
SIZES = [0, 1, 2, 255, 256, 257, 700]
LARGE = 66_000


def make_key(name, kind, seed):
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    raw = bytes([kind]) + private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return private, c.Key(f"{name}+{c.sha256(name.encode(), b'%c' % 10, raw)[:4].hex()}+{c.b64(raw)}")


LOG_PRIVATE, LOG_KEY = make_key(ORIGIN, 1, 1)
WITNESS_PRIVATE, WITNESS_KEY = make_key("witness.example/w1", 4, 2)


def signed(text, private=LOG_PRIVATE):
    line = c.b64(LOG_KEY.id + private.sign(text.encode()))
    time = 1_778_277_600
    cosigned = WITNESS_PRIVATE.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    cosigned = c.b64(WITNESS_KEY.id + time.to_bytes(8, "big") + cosigned)
    return f"{text}\n\u2014 {ORIGIN} {line}\n\u2014 {WITNESS_KEY.name} {cosigned}\n".encode()


def opening(number):
    details, salt = {"b": [number, 1.5], "a": "é"}, bytes([number % 256]) * 32
    commitment = {
        "v": 1, "at": "2026-05-08T22:00:00Z", "op": "self.test", "actor": "op_1", "subject": f"agent_{number}",
        "outcome": "committed", "details_digest": "sha256:" + c.sha256(salt, c.jcs(details).encode()).hex(),
    }
    salt = base64.urlsafe_b64encode(salt).decode().rstrip("=")
    return {"commitment": commitment, "salt": salt, "details": details}


class Log:
    """A sound log of `size` entries; `answers` overrides single paths."""

    def __init__(self, size):
        self.openings = {n: opening(n) for n in range(min(size, 8))}
        self.entries = [
            c.sha256(c.jcs(self.openings[n]["commitment"]).encode()) if n in self.openings else c.sha256(b"%d" % n)
            for n in range(size)
        ]
        self.tree = c.Tree([c.leaf_hash(entry) for entry in self.entries])
        self.answers = {}

    def checkpoint(self, size=None):
        size = self.tree.size if size is None else size
        return signed(f"{ORIGIN}\n{size}\n{c.b64(self.tree.root(size))}\n")

    def tlog_proof(self, index):
        lines = ["c2sp.org/tlog-proof@v1", "extra " + c.b64(c.jcs(self.openings[index]).encode()), f"index {index}"]
        lines += [c.b64(node) for node in self.tree.path(index, self.tree.size)]
        return "\n".join(lines).encode() + b"\n\n" + self.checkpoint()

    def answer(self, url):
        if url in self.answers:
            return self.answers[url]
        parts = urlsplit(url)
        query = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        if parts.path == "/registry/keys":
            raw = bytes([1]) + LOG_KEY.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            vkey = f"{ORIGIN}+{LOG_KEY.id.hex()}+{c.b64(raw)}"
            return json.dumps({"service_keys": [{"purpose": "status"}, {"purpose": "log", "vkey": vkey}]}).encode()
        if parts.path == "/log/checkpoint":
            return self.checkpoint()
        if parts.path == "/log/proof/inclusion":
            index, size = query["index"], query["size"]
            return json.dumps({
                "index": index, "leaf_hash": self.tree.rows[0][index].hex(), "size": size,
                "hashes": [c.b64(node) for node in self.tree.path(index, size)], "checkpoint": self.checkpoint().decode(),
            }).encode()
        if parts.path == "/log/proof/consistency":
            first, second = query["from"], query["to"]
            hashes = [c.b64(node) for node in self.tree.consistency(first, second)]
            return json.dumps({"from": first, "to": second, "hashes": hashes}).encode()
        return self.tile(parts.path)

    def tile(self, path):
        level, _, where = path.removeprefix("/log/tile/").partition("/")
        index, _, width = where.partition(".p/")
        number = int(index.replace("x", "").replace("/", ""))
        width = int(width or c.WIDTH)
        span = slice(number * c.WIDTH, number * c.WIDTH + width)
        if level == "entries":
            parts = [len(entry).to_bytes(2, "big") + entry for entry in self.entries[span]]
        else:
            parts = self.tree.rows[8 * int(level)][span]
        return b"".join(parts) if len(parts) == width else None


class Served:
    """A log behind a real socket on loopback."""

    def __init__(self, log):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = log.answer(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self):
        return self.base

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def flip(raw, at):
    at %= len(raw)
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def refused(what, log, **options):
    """The check of `log` must fail; returns the fault it named."""
    with Served(log) as base:
        try:
            c.check_log(base, sample=20, say=lambda _: None, **options)
        except c.Wrong as fault:
            return f"{what}: {fault}"
    raise c.Wrong(f"self-test: {what} was accepted")


def damages():
    """Runs every damaged log; yields what was refused and why."""
    large = f"/log/tile/0/{c.place(200, 256)}"
    for path in [
        large, f"/log/tile/0/{c.place(257, 208)}", "/log/tile/1/000", "/log/tile/1/001.p/1", "/log/tile/2/000.p/1",
        "/log/tile/entries/000", "/log/tile/entries/257.p/208",
    ]:
        for at in (0, 33, -1):
            log = SOUND[LARGE]
            log.answers = {path: flip(log.tile(path), at)}
            yield refused(f"{path} with byte {at} altered", log)
        log.answers = {path: log.tile(path)[:-1]}
        yield refused(f"{path} cut short", log)
        log.answers = {path: log.tile(path) + b"\0\0"}
        yield refused(f"{path} with bytes added", log)
        log.answers = {path: None}
        yield refused(f"{path} missing", log)
        log.answers = {}
    small = SOUND[700]
    # The operator rewrites history everywhere below the checkpoint it once signed.
    rewritten = Log(700)
    rewritten.entries[300] = c.sha256(b"rewritten")
    rewritten.tree = c.Tree([c.leaf_hash(entry) for entry in rewritten.entries])
    rewritten.answers = {"/log/checkpoint": small.checkpoint()}
    yield refused("a history rewritten under the old checkpoint", rewritten)
    rewritten.answers = {}
    yield refused("a history rewritten and signed anew", rewritten, previous=small.checkpoint(301))

    def altered(path, change, **options):
        small.answers = {}
        small.answers = {path: change(small.answer(path))}
        fault = refused(f"{path} altered", small, **options)
        small.answers = {}
        return fault

    for at in range(0, len(small.checkpoint()) - 170, 7):
        yield altered("/log/checkpoint", lambda raw, at=at: flip(raw, at))
    stranger = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
    yield altered("/log/checkpoint", lambda _: signed(small.checkpoint().decode().split("\n\n")[0] + "\n", stranger))
    other_root = signed(f"{ORIGIN}\n700\n{c.b64(c.sha256(b'other'))}\n")
    yield altered("/log/checkpoint", lambda _: other_root)
    yield altered("/log/checkpoint", lambda _: other_root, keys=[LOG_KEY])

    def edit(change):
        def apply(raw):
            answer = json.loads(raw)
            change(answer)
            return json.dumps(answer).encode()

        return apply

    inclusion, consistency = "/log/proof/inclusion?index=255&size=700", "/log/proof/consistency?from=350&to=700"
    yield altered(inclusion, edit(lambda answer: answer["hashes"].reverse()))
    yield altered(inclusion, edit(lambda answer: answer["hashes"].pop()))
    yield altered(inclusion, edit(lambda answer: answer["hashes"].append(answer["hashes"][0])))
    yield altered(inclusion, edit(lambda answer: answer.update(leaf_hash="00" * 32)))
    yield altered(inclusion, edit(lambda answer: answer.update(index=254)))
    yield altered(inclusion, edit(lambda answer: answer.update(checkpoint=other_root.decode())))
    yield altered(consistency, edit(lambda answer: answer["hashes"].reverse()))
    yield altered(consistency, edit(lambda answer: answer["hashes"].pop()))

    yield refused("an earlier checkpoint of a fork", small, previous=signed(f"{ORIGIN}\n9\n{c.b64(c.sha256(b'x'))}\n"))
    yield refused("an earlier checkpoint that is larger", small, previous=SOUND[LARGE].checkpoint())
    yield refused("an earlier checkpoint of a stranger", small, previous=signed("a\n1\n" + c.b64(bytes(32)) + "\n"))
    _, absent = make_key("witness.example/w2", 4, 3)
    yield refused("a missing witness", small, witnesses=[WITNESS_KEY, absent], quorum=2)
    forged = small.checkpoint().decode().splitlines(keepends=True)
    name, signature = forged[-1].rsplit(" ", 1)
    forged[-1] = f"{name} {c.b64(flip(base64.b64decode(signature), -1))}\n"
    yield altered("/log/checkpoint", lambda _: "".join(forged).encode(), witnesses=[WITNESS_KEY], quorum=1)

    proof = small.tlog_proof(3)
    for what, change in [
        ("with another index", proof.replace(b"index 3\n", b"index 2\n")),
        ("with an altered hash", proof.replace(c.b64(small.tree.rows[0][2]).encode(), c.b64(bytes(32)).encode())),
        ("without its opening", b"\n".join(line for line in proof.split(b"\n") if not line.startswith(b"extra"))),
        ("with other details", proof.replace(
            c.b64(c.jcs(small.openings[3]).encode()).encode(),
            c.b64(c.jcs(small.openings[3]).replace("1.5", "2.5").encode()).encode())),
        ("with another entry's opening", proof.replace(
            c.b64(c.jcs(small.openings[3]).encode()).encode(), c.b64(c.jcs(small.openings[2]).encode()).encode())),
        ("of another log", SOUND[LARGE].tlog_proof(3).replace(b"self-test.example", b"self-test.elsewhere")),
    ]:
        c.demand(change != proof, f"self-test: the proof {what} is unchanged")
        yield refused(f"a tlog-proof {what}", small, proofs=[change])


SOUND = {}


def self_test(verbose):
    SOUND.update({size: Log(size) for size in [*SIZES, LARGE]})
    for size, log in SOUND.items():
        options = {"proofs": [log.tlog_proof(index) for index in log.openings], "witnesses": [WITNESS_KEY], "quorum": 1}
        with Served(log) as base:
            all_of = None if size < 300 else 100
            c.check_log(base, sample=all_of, previous=log.checkpoint(size // 2), say=lambda _: None, **options)
    print(f"self-test: {len(SOUND)} sound logs accepted, sizes {', '.join(map(str, SOUND))}")
    faults = list(damages())
    for fault in faults if verbose else []:
        print("  refused", fault)
    print(f"self-test: {len(faults)} damaged logs refused")
