"""The twelve lines of /identity/spec in Python, once for each pair of a canonicalizer and an Ed25519.

    recipe.py rfc8785|jcs|openssl EVIDENCE

EVIDENCE: {"keys": the pinned /registry/keys, "lists": {name: /registry/revocations},
"cases": [{"passport": base64, "now": time, "list": name or null}]}. Prints for each case a verdict and the SHA-256 of
the bytes it checked. `openssl` uses nothing but Python's own json module and the OpenSSL command line.
"""

import base64
import binascii
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

Verify = Callable[[str, bytes, bytes], bool]
Canonical = Callable[[Any], bytes]


class Refused(Exception):
    pass


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise Refused("malformed")
    return dict(pairs)


def signature_of(text: object) -> bytes:
    if not isinstance(text, str) or not text.startswith("ed25519:"):
        raise Refused("malformed")
    try:
        raw = base64.urlsafe_b64decode(text[8:] + "==")
    except (binascii.Error, ValueError):
        raise Refused("malformed") from None
    # Decoders that ignore stray bits and characters would accept several spellings of one signature.
    if len(raw) != 64 or base64.urlsafe_b64encode(raw).decode().rstrip("=") != text[8:]:
        raise Refused("malformed")
    return raw


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def proven(document: dict[str, Any], keys: list[dict[str, Any]], canonical: Canonical, verify: Verify) -> bytes:
    """Lines 2 to 7; returns the canonical bytes."""
    rest = {name: value for name, value in document.items() if name != "signature"}
    signature = signature_of(document.get("signature"))
    try:
        message = canonical(rest)
    except ValueError:
        raise Refused("malformed") from None
    key = next((key for key in keys if key["key_id"] == rest.get("key_id")), None)
    if key is None:
        raise Refused("unknown-key")
    if key["status"] == "revoked":
        raise Refused("revoked-key")
    if not verify(key["public_key_pem"], message, signature):
        raise Refused("bad-signature")
    return message


def check(case: dict[str, Any], evidence: dict[str, Any], canonical: Canonical, verify: Verify) -> str:
    message = b""
    try:
        try:
            passport = json.loads(base64.b64decode(case["passport"]), object_pairs_hook=unique)
        except (ValueError, RecursionError):
            raise Refused("malformed") from None
        if not isinstance(passport, dict):
            raise Refused("malformed")
        message = proven(passport, evidence["keys"]["keys"], canonical, verify)
        now = time_of(case["now"])
        if now < time_of(passport["issued_at"]):
            raise Refused("not-yet-valid")
        if now >= time_of(passport["expires_at"]):
            raise Refused("expired")
        if case["list"] is not None:
            current(passport, evidence["lists"][case["list"]], now, evidence["keys"], canonical, verify)
        verdict = "valid"
    except Refused as refusal:
        verdict = str(refusal)
    return f"{verdict} {hashlib.sha256(message).hexdigest()}" if message else verdict


def current(
    passport: dict[str, Any], listed: dict[str, Any], now: datetime, keys: dict[str, Any], canonical: Canonical,
    verify: Verify,
) -> None:
    """Lines 9 to 11."""
    try:
        if listed.get("typ") != "aegis-revocations+v1":
            raise Refused("malformed")
        proven(listed, [key for key in keys["service_keys"] if key["purpose"] == "status"], canonical, verify)
    except Refused:
        raise Refused("bad-list") from None
    if (now - time_of(listed["as_of"])).total_seconds() > passport["staleness_budget_seconds"]:
        raise Refused("stale")
    if any(entry["passport_id"] == passport["passport_id"] for entry in listed["revocations"]):
        raise Refused("revoked")


def with_cryptography(pem: str, message: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = load_pem_public_key(pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        return False
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def with_openssl(pem: str, message: bytes, signature: bytes) -> bool:
    with tempfile.TemporaryDirectory() as directory:
        files = {name: Path(directory, name) for name in ("key.pem", "canonical", "sig")}
        for file, content in zip(files.values(), (pem.encode(), message, signature)):
            file.write_bytes(content)
        command: list[str | Path] = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", files["key.pem"]]
        command += ["-in", files["canonical"], "-sigfile", files["sig"]]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def sorted_json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def tool(name: str) -> tuple[Canonical, Verify]:
    if name == "rfc8785":
        import rfc8785

        return rfc8785.dumps, with_cryptography
    if name == "jcs":
        import jcs

        return jcs.canonicalize, with_cryptography
    return sorted_json, with_openssl


def main() -> None:
    canonical, verify = tool(sys.argv[1])
    evidence = json.loads(Path(sys.argv[2]).read_bytes())
    for case in evidence["cases"]:
        print(check(case, evidence, canonical, verify))


if __name__ == "__main__":
    main()
