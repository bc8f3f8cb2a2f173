"""A small HTTP/1.1 client with a kept connection and no retries: what was answered is what is returned."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class Client:
    """One connection; not for several threads. A failed call raises OSError or HTTPException: outcome unknown."""

    def __init__(self, base: str, key: str | None = None, timeout: float = 30.0) -> None:
        self.base = base
        self.key = key
        self.connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=timeout)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """`body`: bytes as they are, anything else as JSON. Header names are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key is not None:
            sent.setdefault("X-API-Key", self.key)
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        try:
            self.connection.request(method, path, raw, sent)
            answer = self.connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, lower, answer.read())
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def close(self) -> None:
        self.connection.close()
