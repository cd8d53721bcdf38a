"""A real gateway over the company: its settings, its documents, its keys, and the process that serves."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.canary.corpus import COLLECTIONS, Canary, Company, Page
from benchmarks.canary.endpoints import Outside, Parrot
from benchmarks.gateway import free_ports, wait_for
from palier.access import AccessKey
from palier.app import Palier
from palier.types import Document, Label

HIGHEST = {"cloud": "internal", "spare": "public"}
"""What each upstream outside may receive at most. The second is asked where the first fails or is not sure."""
CLIMBING = ("support", "climb", "tools", "strict", "sticky", "redacting", "audited", "bare")
"""Routes on which nothing below the outside reaches its threshold."""
SETTINGS = """
data = "data"
[server]
port = {port}
max_concurrent = 256
max_queue = 512
[redaction]
names = "off"
[models.quote]
kind = "extract"
[models.parrot]
kind = "endpoint"
base_url = "http://127.0.0.1:{parrot}/v1"
model = "parrot"
on_premises = true
breaker_failures = 0
[models.cloud]
kind = "endpoint"
base_url = "http://127.0.0.1:{cloud}/v1"
model = "cloud"
first_token_timeout_s = 1.0
retries = 1
breaker_failures = 0
[models.spare]
kind = "endpoint"
base_url = "http://127.0.0.1:{spare}/v1"
model = "spare"
first_token_timeout_s = 1.0
retries = 1
breaker_failures = 0
"""
QUOTE = '{ model = "quote", threshold = 1.0 }'
LOCAL = '{ model = "parrot", threshold = 1.0, highest_label = "restricted" }'
OPEN = (
    '{ model = "cloud", threshold = 0.0, highest_label = "internal", redact = false }',
    '{ model = "spare", highest_label = "public", redact = false }',
)
SURE = '{ model = "cloud", threshold = 0.9, highest_label = "internal", redact = false }'
MASKED = '{ model = "cloud", threshold = 0.0, highest_label = "internal" }', '{ model = "spare" }'
ALL = json.dumps(list(COLLECTIONS))
ROUTES = {
    "home": (ALL, ('{ model = "quote" }', '{ model = "parrot", highest_label = "restricted" }'), ""),
    "support": (ALL, (QUOTE, LOCAL, SURE, OPEN[1]), ""),
    "climb": (ALL, (LOCAL, *OPEN), ""),
    "tools": (ALL, (LOCAL, *OPEN), 'tool_label = "public"'),
    "strict": (ALL, (LOCAL, *OPEN), 'message_label = "internal"'),
    "sticky": (ALL, (LOCAL, *OPEN), "sticky = true"),
    "redacting": (ALL, (LOCAL, *MASKED), 'tool_label = "public"'),
    "audited": (ALL, (QUOTE, LOCAL, *OPEN), "audit = 1.0"),
    "bare": ("[]", OPEN, 'tool_label = "public"'),
}
"""Collections, tiers and further settings of each route. Without a word of its own, what clients write is public."""


@dataclass(frozen=True)
class Person:
    """Who asks: a key of its own, or `user` named by a key that speaks for others."""

    name: str
    groups: tuple[str, ...] = ()
    admin: bool = False
    key: str = ""
    """The name of the key it is asked with, where that is another's."""

    def may_read(self, canary: Canary | Page) -> bool:
        """Whether a document, or the document of a canary, is one of those it reads."""
        if self.admin:
            return True
        if canary.collection == "board" and "board" not in self.groups:
            return False
        return not canary.groups or bool(set(canary.groups) & set(self.groups))


PEOPLE = (
    Person("local", admin=True),
    Person("alice", ("legal", "staff", "board")),
    Person("bruno", ("staff",)),
    Person("mallory"),
    Person("carol", ("legal",), key="kiosk"),
    Person("visitor", key="kiosk"),
)
"""Adversaries. `carol` is in the group `legal` by the directory alone; the key `kiosk` takes the `user` field as who asks."""


CUSTOMERS = (
    Person("diane", ("legal", "staff", "board")),
    Person("emil", ("staff",)),
    Person("fanny"),
)
"""Who asks benign questions, with keys of their own: that of an adversary is soon left no guesses."""


@dataclass
class House:
    """A gateway that serves, who asks it, and those it talks to."""

    company: Company
    url: str
    keys: dict[str, str]
    outside: dict[str, Outside]
    client: aiohttp.ClientSession
    log: Path

    def key(self, person: Person) -> str:
        return self.keys[person.key or person.name]


@asynccontextmanager
async def house(company: Company, folder: Path, seed: int) -> AsyncIterator[House]:
    """Serve the company from `folder` until the context ends."""
    async with AsyncExitStack() as stack:
        outside = {name: Outside(name, seed) for name in HIGHEST}
        parrot = await stack.enter_async_context(Parrot().server)
        ports = {name: (await stack.enter_async_context(one.server)).port for name, one in outside.items()}
        port = free_ports(1)[0]
        config = folder / "palier.toml"
        config.write_text(_settings(port=port, parrot=parrot.port, **ports))
        keys = await _furnish(company, config)
        log = folder / "gateway.log"
        stack.enter_context(_serving(config, log))
        await wait_for(port)
        client = await stack.enter_async_context(
            aiohttp.ClientSession(
                f"http://127.0.0.1:{port}",
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=60),
            )
        )
        yield House(company, f"http://127.0.0.1:{port}", keys, outside, client, log)


def _settings(**ports: int) -> str:
    parts = [SETTINGS.format(**ports)]
    for name, (collections, tiers, more) in ROUTES.items():
        label = "" if "message_label" in more else 'message_label = "public"'
        audit = "" if "audit" in more else "audit = 0.0"
        lines = [f"[routes.{name}]", f"collections = {collections}", label, audit, more]
        parts.append("\n".join([*filter(None, lines), "tiers = [", *(f"    {tier}," for tier in tiers), "]"]))
    return "\n".join(parts) + "\n"


async def _furnish(company: Company, config: Path) -> dict[str, str]:
    """Put the documents, make keys, groups and readers; the secret of every key, by name."""
    async with Palier.open(config) as palier:
        await palier.put_documents([_document(page) for page in company.pages])
        keys = {"local": palier.key}
        for person in (*PEOPLE, *CUSTOMERS):
            if not (person.admin or person.key):
                made = await palier.access.keys.create(AccessKey(name=person.name, groups=person.groups))
                keys[person.name] = made.secret
        kiosk = await palier.access.keys.create(AccessKey(name="kiosk", speaks_for="field"))
        await palier.access.directory.add("legal", ["carol"])
        await palier.change_readers("board", allow=["board"])
    return {**keys, "kiosk": kiosk.secret}


def _document(page: Page) -> Document:
    return Document(
        id=page.id,
        collection=page.collection,
        title=page.title,
        text=page.text,
        label=Label(page.label),
        language=page.language,
        url=page.url,
        groups=page.groups,
    )


@contextmanager
def _serving(config: Path, log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        command = [sys.executable, "-m", "palier", "serve", "--config", str(config), "--verbose"]
        gateway = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield
        finally:
            gateway.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                gateway.wait(20)
            gateway.kill()
