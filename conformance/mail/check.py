"""Letters reach a real SMTP server (PyPI aiosmtpd on loopback): whole, once, under STARTTLS or a login where asked, and
after the server was down, refused for now, or the sender was killed."""

import argparse
import contextlib
import email
import email.policy
import sqlite3
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from harness.report import Report, demand, equal
from harness.server import Server, free_port, scratch

ASKER = "it@new.example"
SENDER = "Aegis <aegis@instance.example>"


class Inbox:
    """What the server took, and what it is to answer."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.answers: list[str] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            equal(envelope.rcpt_tos, [ASKER], "RCPT TO")
            equal(envelope.mail_from, "aegis@instance.example", "MAIL FROM")
            content = envelope.original_content or b""
            message = email.message_from_bytes(content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
        return answer


@contextlib.contextmanager
def mail_server(inbox: Inbox, port: int, **settings: Any) -> Iterator[None]:
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **settings)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


def ask_and_approve(server: Server) -> None:
    body = {"organization": "Nëw GmbH", "email": ASKER, "roles": ["operator"], "country": "DE", "baaSigned": False}
    asked = server.public().post("/v1/access-requests", body)
    equal(asked.status, 202, f"asking {asked.raw!r}")
    approved = server.admin().post(f"/v1/admin/access-requests/{asked.json['id']}/approve")
    equal(approved.status, 200, f"approving {approved.raw!r}")


def await_letters(inbox: Inbox, count: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while len(inbox.taken) < count:
        demand(time.monotonic() < deadline, f"{len(inbox.taken)} of {count} letters after {seconds} s")
        time.sleep(0.05)


def token_of(letter: EmailMessage) -> str:
    text = letter.get_content()
    [link] = [word for word in text.split() if "/first-key#" in word]
    return str(link).split("#")[1]


def tick(server: Server, seconds: int) -> None:
    """Moves the sandbox clock, so that the next try is due."""
    equal(server.public().post("/sandbox/clock", {"advanceSeconds": seconds}).status, 200, "clock")
    equal(server.public().post("/sandbox/tick").status, 200, "tick")


def started(options: argparse.Namespace, directory: Path, port: int, **more: str) -> Server:
    settings = {"AEGIS__MAIL__URL": f"smtp://127.0.0.1:{port}", "AEGIS__MAIL__FROM": SENDER, **more}
    return Server(options.aegis, directory / "data", None, **settings).start()


def run(report: Report, options: argparse.Namespace) -> None:
    with scratch("mail") as directory:
        port, inbox = free_port(), Inbox()
        server = started(options, directory, port)
        try:
            check_delivery(report, server, inbox, port)
            check_secrecy(report, server, inbox)
            server.stop()
        finally:
            server.kill()
    check_login(report, options)


def check_delivery(report: Report, server: Server, inbox: Inbox, port: int) -> None:
    with report.check("a letter arrives whole, and its link gives the key once"), mail_server(inbox, port):
        ask_and_approve(server)
        await_letters(inbox, 1)
        letter = inbox.taken[0]
        equal(letter["From"], SENDER, "From")
        equal(letter["To"], ASKER, "To")
        demand(letter["Message-ID"] and letter["Date"], f"no Message-ID or Date: {letter}")
        demand("Nëw GmbH" in letter.get_content(), "the text lost its letters")
        body = {"token": token_of(letter)}
        fetched = server.public().post("/v1/access-requests/first-key", body)
        equal(fetched.status, 201, f"fetching {fetched.raw!r}")
        equal(server.public().post("/v1/access-requests/first-key", body).status, 404, "fetching again")
    with report.check("a server that is down, or says 4xx, gets the letter later; one that says 5xx is not asked again"):
        ask_and_approve(server)
        time.sleep(0.5)
        with mail_server(inbox, port):
            inbox.answers = ["451 greylisted"]
            tick(server, 5)
            equal(len(inbox.taken), 1, "letters while greylisted")
            tick(server, 60)
            await_letters(inbox, 2)
            inbox.answers = ["550 no such mailbox"]
            ask_and_approve(server)
            time.sleep(0.5)
            tick(server, 3600)
            equal((len(inbox.taken), inbox.answers), (2, []), "letters and answers left after a 5xx")
    with report.check("a letter outlives kill -9 of its sender") as case:
        ask_and_approve(server)
        server.kill()
        with mail_server(inbox, port):
            server.start()
            # The dead process's lease is over by then.
            tick(server, 90)
            await_letters(inbox, 3)
        ids = {str(letter["Message-ID"]) for letter in inbox.taken}
        equal(len(ids), 3, "different Message-IDs")
        case.note = f"{len(inbox.taken)} letters"


def check_secrecy(report: Report, server: Server, inbox: Inbox) -> None:
    with report.check("no token is in the database or in what the server prints"):
        server.stop()
        stored = b"".join(path.read_bytes() for path in server.data.iterdir() if path.is_file())
        printed = server.log.read_bytes()
        for letter in inbox.taken:
            token = token_of(letter).encode()
            demand(token not in stored and token not in printed, "a token lies about in clear")
        with contextlib.closing(sqlite3.connect(server.data / "aegis.db")) as database:
            left = database.execute("SELECT COUNT(*) FROM mail WHERE sealed IS NOT NULL").fetchone()
        equal(left, (0,), "texts kept after sending")


def check_login(report: Report, options: argparse.Namespace) -> None:
    given: list[Any] = []

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        given.append((data.login, data.password))
        return AuthResult(success=data.password == b"hunter2")

    with report.check("the password comes from its file"), scratch("mail-login") as directory:
        port, inbox, secret = free_port(), Inbox(), directory / "password"
        secret.write_text("hunter2\n")
        secret.chmod(0o600)
        more = {"AEGIS__MAIL__URL": f"smtp://me@127.0.0.1:{port}", "AEGIS__MAIL__PASSWORD_FILE": str(secret)}
        settings = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
        with mail_server(inbox, port, **settings):
            server = started(options, directory, port, **more)
            try:
                ask_and_approve(server)
                await_letters(inbox, 1)
                equal(set(given), {(b"me", b"hunter2")}, "what was logged in with")
                server.stop()
            finally:
                server.kill()
