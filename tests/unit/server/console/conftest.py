"""A gateway with a console over scripted models, and people who sign in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from tests.serving import Served, served

from palier.access import AccessKey, Role
from palier.types import Document, Label

HOSTILE = "<script>alert(1)</script> \u202efdp.exe\x1b[31m"
RULES = [
    {"pattern": "hostile", "answer": f"{HOSTILE} [1]"},
    {"match": "fail", "fail": "refused"},
    {"answer": "The bell rings at noon [1]."},
]
TREE: dict[str, Any] = {
    "redaction": {"names": "off"},
    "models": {"fake": {"kind": "fake", "file": "script.jsonl"}},
    "routes": {
        "support": {
            "budget": {"soft": 40.0, "hard": 50.0, "uncounted": "allow"},
            "collections": ["notes"],
            "tiers": [{"model": "fake", "highest_label": "restricted"}],
        },
        "other": {"tiers": [{"model": "fake", "highest_label": "restricted"}]},
    },
}
DOCUMENTS = [
    Document(
        id="bell", collection="notes", title=f"Bell {HOSTILE}", text="The bell rings at noon.", label=Label.PUBLIC
    ),
    Document(id="hostile", collection="notes", text=f"A hostile document: {HOSTILE}", url="javascript:alert(1)"),
]


@dataclass
class Person:
    """Somebody with a browser."""

    gateway: Served
    client: httpx2.Client
    name: str = ""

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers=headers)

    def token(self, page: str = "/console/ask") -> str:
        """The token that the forms of `page` carry."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.client.get(page).text)
        assert found is not None
        return found[1]

    def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> httpx2.Response:
        return self.client.post(path, data={"csrf": self.token(), **(form or {})}, headers=headers)

    def sign_in(self, secret: str, **fields: str) -> httpx2.Response:
        form = {"csrf": self.token("/console/sign-in"), "key": secret, **fields}
        return self.client.post("/console/sign-in", data=form)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("console")
    (folder / "script.jsonl").write_text("".join(json.dumps(rule) + "\n" for rule in RULES))
    with served(TREE, folder) as running:
        running.run(running.palier.put_documents(DOCUMENTS))
        yield running


@pytest.fixture
def stranger(gateway: Served) -> Iterator[Person]:
    """Nobody signed in yet."""
    with httpx2.Client(base_url=gateway.url, timeout=30, follow_redirects=False) as client:
        yield Person(gateway, client)


_count = iter(range(1_000))


@pytest.fixture
def people(gateway: Served) -> Iterator[Callable[..., Person]]:
    """Signs in somebody with a new key of a role; without one the owner."""
    opened: list[httpx2.Client] = []

    def made(role: Role | None = None, **terms: Any) -> Person:
        client = httpx2.Client(base_url=gateway.url, timeout=30, follow_redirects=False)
        opened.append(client)
        person = Person(gateway, client, "local")
        secret = gateway.key
        if role is not None:
            person.name = f"person-{next(_count)}"
            key = AccessKey(name=person.name, role=role, **terms)
            secret = gateway.run(gateway.palier.access.keys.create(key)).secret
        assert person.sign_in(secret).status_code == 303
        return person

    yield made
    for client in opened:
        client.close()
