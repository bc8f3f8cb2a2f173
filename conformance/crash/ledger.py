"""What the clients know for certain: every answer they got, and every request whose answer they did not get."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Agent:
    """One agent. `passport` is the acknowledged document; an unresolved request may or may not have happened."""

    agent_id: str
    passport: dict[str, Any] | None = None
    issue_unresolved: bool = False
    revoked: bool = False
    revoke_unresolved: bool = False


@dataclass
class Ledger:
    """Written by many threads; `touched` are the agents of the present cycle."""

    agents: dict[str, Agent] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    keys_unresolved: int = 0
    recent: deque[Agent] = field(default_factory=lambda: deque(maxlen=50))
    touched: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, agent_id: str) -> Agent:
        with self.lock:
            self.requests += 1
            self.touched.add(agent_id)
            return self.agents.setdefault(agent_id, Agent(agent_id))

    def unexpected(self, what: str) -> None:
        with self.lock:
            self.faults.append(what)

    def acknowledged(self, agent: Agent, passport: dict[str, Any]) -> None:
        with self.lock:
            agent.passport = passport
            self.recent.append(agent)

    def live(self) -> list[Agent]:
        """Agents that may be revoked next: some of this life, some of those before, some a second time."""
        with self.lock:
            return [agent for agent in self.recent if not agent.revoke_unresolved]
