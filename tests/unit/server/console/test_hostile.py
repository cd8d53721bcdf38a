"""Whatever comes to whichever address of the console: an answer that blames who asked, and leads nowhere else."""

from __future__ import annotations

import random
from collections.abc import Callable
from urllib.parse import quote

import httpx2
import pytest
from starlette.routing import Route
from tests.serving import Served
from tests.unit.server.console.conftest import Person

from palier.access import Role
from palier.server.http import create_app

VALUES = (
    "", "0", "-1", "1e999", "NaN", "9" * 400, "1" * 30, "a" * 5_000, "\x00", "../../etc/passwd", "<script>alert(1)",
    "\u202e", "' OR 1=1 --", "\r\nSet-Cookie: a=b", "//evil.example", "https://evil.example/", "/\\evil.example", "💥",
    "javascript:alert(1)", "{}", "[]", "answered", "support", "notes", "bell", "24h", "1" * 12 + "d", "on", "tier-1",
)  # fmt: skip
NAMES = (
    "after", "answer", "back", "before", "before_id", "by", "collection", "correction", "history", "id", "key", "label",
    "limit", "metric", "model", "next", "passage", "policy", "purpose", "q", "question", "rating", "reason", "route",
    "since", "source", "span", "state", "status", "suite", "tier", "to", "trace", "until", "value", "what", "who",
)  # fmt: skip
BODIES = (
    (b"\xff\xfe%zz=&&==", "application/x-www-form-urlencoded"),
    (b"x" * 200_000, "application/x-www-form-urlencoded"),
    (b"{}", "application/json"),
    (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
    (b"", "multipart/form-data"),
)
LEADS_BACK = ("/console/sign-in", "/console/sign-out", "/console/static/{name}")
"""What is tried elsewhere: who is signed out sees nothing more."""


@pytest.fixture
def addresses(gateway: Served) -> list[Route]:
    all_of_them = create_app(gateway.palier).app.routes  # type: ignore[attr-defined]
    return [one for one in all_of_them if one.path.startswith("/console") and one.path not in LEADS_BACK]


def looked_at(reply: httpx2.Response, asked: str) -> None:
    assert reply.status_code < 500, asked
    assert reply.headers.get("location", "/console").startswith("/console"), asked
    page = reply.headers.get("content-type", "").startswith("text/html")
    assert not page or "<script>alert(1)" not in reply.text, asked
    assert len(reply.content) < 2_000_000, asked


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_nothing_that_is_asked_is_a_fault_of_palier(people: Callable[..., Person], addresses, role) -> None:
    person, chance = people(role), random.Random(7)
    token = person.token()
    for one in addresses:
        path = one.path.replace(":path}", "}")
        for value in VALUES:
            blanks = dict.fromkeys(("collection", "id", "language", "name", "rest", "sequence"), quote(value, safe=""))
            sent = {name: chance.choice(VALUES) for name in chance.sample(NAMES, 3)} | {chance.choice(NAMES): value}
            looked_at(person.client.get(path.format(**blanks), params=sent), f"GET {path} {sent!r}")
            data = {"csrf": token, **sent}
            looked_at(person.client.post(path.format(**blanks), data=data), f"POST {path} {sent!r}")
        for body, kind in BODIES:
            reply = person.client.post(path.format(**blanks), content=body, headers={"content-type": kind})
            looked_at(reply, f"POST {path} {kind}")
            assert reply.status_code >= 400


@pytest.mark.parametrize("page", ["/console/ledger", "/console/actions"])
def test_a_page_beyond_every_row_is_a_page(people: Callable[..., Person], page: str) -> None:
    person = people(Role.ADMIN)
    for before in ("1" * 30, "-5", "1.5", "1e300"):
        assert person.get(f"{page}?before={before}").status_code == 200
