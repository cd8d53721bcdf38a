"""Knowledge: what somebody may not read is neither listed, counted nor found; files are taken or refused one by one."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import pytest
from tests.serving import Served
from tests.unit.server.console.conftest import HOSTILE, Person

from palier.access import Role, as_reader
from palier.types import Document, Label

People = Callable[..., Person]
OLD = time.time() - 400 * 86_400
ODD = "odd \u202eid%2F.md"


def document(name: str, text: str, **fields: Any) -> Document:
    return Document(id=name, collection="shelf", text=text, label=Label.PUBLIC, **{"updated": time.time(), **fields})


@pytest.fixture(scope="module", autouse=True)
def shelf(gateway: Served) -> Iterator[None]:
    """A collection of its own, in which something is wrong."""
    documents = [
        document("old.md", "The lighthouse of Penmarch is tall.", updated=OLD, title=f"Old {HOSTILE}"),
        document("again-1.md", "The chapel stands in the dunes.", digest="d"),
        document("again-2.md", "The chapel stands in the dunes.", digest="d"),
        document("hidden.md", "The lighthouse keeper is paid 2,000.", digest="d", groups=("payroll",)),
        document(ODD, "An oddly named one.", groups=("odd",)),
    ]
    gateway.run(gateway.palier.put_documents(documents))
    yield
    gateway.run(gateway.palier.delete_documents("shelf", [one.id for one in documents]))


@pytest.fixture(autouse=True)
def _nothing_fails(gateway: Served) -> None:
    """Yet: what another test was refused is forgotten."""
    for one in gateway.run(gateway.palier.failing_sources()):
        gateway.run(gateway.palier.note_failing(one.collection, [one.source], []))


def send(person: Person, *files: tuple[str, bytes], **fields: str) -> httpx2.Response:
    data = {"csrf": person.token(), "collection": "shelf", **fields}
    parts: list[Any] = [("files", file) for file in files] or [("none", (None, b""))]
    return person.client.post("/console/knowledge/upload", data=data, files=parts)


def last(person: Person) -> tuple[str, str, str]:
    (action, *_) = person.gateway.run(person.gateway.palier.access.actions.page(who=person.name, limit=1))
    return action.what, action.about, action.outcome


def test_what_may_not_be_read_is_not_counted_listed_nor_found(people: People) -> None:
    reader, payroll = people(Role.VIEWER), people(Role.OPERATOR, groups=("payroll",))
    assert ">3</td>" in reader.get("/console/knowledge").text
    assert ">4</td>" in payroll.get("/console/knowledge").text
    shown = reader.get("/console/knowledge/collections/shelf").text
    assert "hidden.md" not in shown
    assert "<script>alert" not in shown
    assert "⟨U+202E⟩" in shown
    assert "hidden.md" in payroll.get("/console/knowledge/collections/shelf").text
    for person, status in ((reader, 404), (payroll, 200)):
        assert person.get("/console/knowledge/document?collection=shelf&id=hidden.md").status_code == status
    found = reader.get("/console/knowledge/search?q=lighthouse+keeper&collection=shelf").text
    assert "Penmarch" in found
    assert "cosine" in found
    assert "2,000" not in found
    assert "2,000" in payroll.get("/console/knowledge/search?q=lighthouse+keeper").text


def test_what_is_wrong_is_counted_and_listed_of_what_may_be_read(people: People) -> None:
    reader, payroll = people(Role.VIEWER), people(Role.VIEWER, groups=("payroll",))

    def listed(person: Person, query: str) -> list[str]:
        text = person.get(f"/console/knowledge/collections/shelf?{query}", **{"HX-Request": "true"}).text
        names = ("old.md", "again-1.md", "again-2.md", "hidden.md")
        return [name for name in names if f"id={name}" in text]

    assert listed(reader, "fault=stale") == ["old.md"]
    assert listed(reader, "fault=duplicated") == ["again-2.md"]
    assert listed(payroll, "fault=duplicated") == ["again-2.md", "hidden.md"]
    assert listed(reader, "fault=empty") == []
    assert listed(reader, "q=AGAIN") == ["again-1.md", "again-2.md"]
    assert listed(reader, "label=restricted") == []
    assert listed(reader, "after=again-1.md") == ["old.md", "again-2.md"]
    assert reader.get("/console/knowledge/collections/shelf?fault=nonsense").status_code == 400
    assert reader.get("/console/knowledge/collections/no-such").status_code == 404
    counts = reader.get("/console/knowledge").text
    assert "shelf?fault=duplicated" in counts
    assert "shelf?fault=empty" not in counts


def test_files_are_taken_or_refused_one_by_one(people: People) -> None:
    person = people(Role.OPERATOR)
    told = send(
        person,
        ("../../up.md", b"# Seagulls\n\nThey steal chips."),
        ("broken.pdf", b"%PDF-1.4 nothing"),
        ("tool.exe", b"MZ"),
        ("lines.jsonl", b'{"id": "line-1", "text": "Terns dive."}\n{"id": 7}\n'),
    )
    assert told.status_code == 200
    assert last(person) == ("document.upload", "shelf", "done")
    assert "Kept under this name; sent as <bdi>../../up.md</bdi>" in " ".join(told.text.split())
    assert told.text.count("sent as") == 1
    for word in ("up.md", "broken.pdf", "tool.exe", "no known kind", "line 2"):
        assert word in told.text
    found = person.gateway.run(person.gateway.palier.get_document("shelf", "up.md"))
    assert found is not None
    assert (found.title, found.label, found.source) == ("Seagulls", Label.CONFIDENTIAL, "up.md")
    assert "steal chips" in person.get("/console/knowledge/search?q=seagulls").text
    again = send(person, ("up.md", b"# Seagulls\n\nThey steal ice cream."), label="internal")
    assert "changed" in again.text
    assert "unchanged" in send(person, ("up.md", b"# Seagulls\n\nThey steal ice cream."), label="internal").text
    assert last(person) == ("document.upload", "shelf/up.md", "done")


def test_what_was_refused_is_a_source_that_fails_until_it_is_taken_or_dismissed(people: People) -> None:
    owner, person = people(), people(Role.OPERATOR)
    palier, run = owner.gateway.palier, owner.gateway.run

    def failing() -> list[tuple[str, str]]:
        return [(one.collection, one.source) for one in run(palier.failing_sources())]

    send(person, ("in/broken.pdf", b"%PDF-1.4 nothing"), ("fine.md", b"# Fine"), ("tool.exe", b"MZ"))
    assert failing() == [("shelf", "broken.pdf"), ("shelf", "tool.exe")]
    shown = person.get("/console/knowledge").text
    assert "tool.exe" in shown
    assert "no known kind" in shown
    assert "tool.exe" not in people(Role.REVIEWER).get("/console/knowledge").text
    send(person, ("broken.pdf", b"%PDF-1.4 still nothing"))
    assert len(failing()) == 2
    send(person, ("bell\x07.md", b"# Rings"), ("", b"# Nameless"))
    assert len(failing()) == 2, "a name that cannot be shown is none"
    send(person, ("note.xyz", b"x"), collection="unborn")
    assert len(failing()) == 2, "only administrators make collections"
    off = "/console/knowledge/dismiss"
    assert people(Role.REVIEWER).post(off, {"collection": "shelf", "source": "tool.exe"}).status_code == 403
    assert person.post(off, {"collection": "shelf", "source": "other.exe"}).status_code == 404
    assert "tool.exe" in person.post(off, {"collection": "shelf", "source": quote("tool.exe")}).text
    assert last(person) == ("source.dismiss", "shelf/tool.exe", "done")
    assert failing() == [("shelf", "broken.pdf")]
    send(person, ("fine.jsonl", b"{"))
    assert failing() == [("shelf", "broken.pdf"), ("shelf", "fine.jsonl")]
    send(person, ("fine.jsonl", b'{"id": "taken", "text": "It is taken."}'))
    assert failing() == [("shelf", "broken.pdf")]
    run(palier.note_failing("shelf", ["broken.pdf"], []))


def test_how_far_a_file_is_can_be_asked_by_who_sent_it_alone(people: People) -> None:
    person, other = people(Role.OPERATOR), people(Role.OPERATOR)
    told: set[str] = set()
    strange: set[str] = set()
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.1):
            for who, heard in ((person, told), (other, strange)):
                part = who.get("/console/knowledge/reading?ticket=t-1", **{"HX-Request": "true"})
                assert part.status_code == 200
                heard.add(" ".join(re.sub("<[^>]*>", "", part.text).split()))

    asking = threading.Thread(target=ask)
    long = "\n\n".join(
        f"Rule {n}: the {n * 7}th gull waits for the {n * 3}rd ferry. {'Then it flies. ' * 24}" for n in range(270)
    )
    person.client.timeout = 120  # of a machine that has much else to do
    asking.start()
    try:
        assert send(person, ("long.md", long.encode()), ticket="t-1").status_code == 200
    finally:
        over.set()
        asking.join()
    assert strange == {""}
    assert any(re.fullmatch(r"\d+ of \d+ passages indexed", words) for words in told), told
    assert send(person, ("short.md", b"# Short"), ticket="x" * 10_000).status_code == 200
    for gone in ("long.md", "short.md"):
        person.gateway.run(person.gateway.palier.delete_documents("shelf", [gone]))


def test_what_cannot_be_kept_is_refused_and_on_record(people: People) -> None:
    person = people(Role.OPERATOR)
    refused = send(person, ("note.xyz", b"x"))
    assert (refused.status_code, last(person)) == (400, ("document.upload", "shelf/note.xyz", "invalid_request"))
    assert send(person).status_code == 400
    assert send(person, ("a.md", b"# a"), label="secret").status_code == 400
    assert send(person, ("a.md", b"# a"), collection="../x").status_code == 400
    assert send(person, ("a.md", b"# a"), collection="fresh").status_code == 404, "an administrator makes one"
    assert send(person, ("hidden.md", b"# mine")).status_code == 403, "nothing is written over unseen"
    assert send(person, ("a.md", b"# a"), readers="payroll").status_code == 403, "not theirs to give"
    assert send(person, ("a.md", b"x" * 5_000_000)).status_code == 413
    assert send(person, ("a.md", b"# a"), csrf="other").status_code == 403
    assert send(people(Role.REVIEWER), ("a.md", b"# a")).status_code == 403
    wrong = person.client.post("/console/knowledge/upload", data={"csrf": person.token()})
    assert wrong.status_code == 415
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert person.client.post("/console/knowledge/upload", content=b"--x", headers=broken).status_code == 400


def test_a_document_is_deleted_by_who_may_read_it(people: People) -> None:
    owner, operator = people(), people(Role.OPERATOR)
    gateway = owner.gateway
    gateway.run(gateway.palier.put_documents([document("gone.md", "Soon gone.")]))
    page = "/console/knowledge/delete"
    assert operator.post(page, {"collection": "shelf", "id": "hidden.md"}).status_code == 404
    assert people(Role.REVIEWER).post(page, {"collection": "shelf", "id": "gone.md"}).status_code == 403
    assert "gone.md" in operator.post(page, {"collection": "shelf", "id": "gone.md"}).text
    assert last(operator) == ("document.delete", "shelf/gone.md", "done")
    assert gateway.run(gateway.palier.get_document("shelf", "gone.md")) is None
    shown = owner.get(f"/console/knowledge/document?{urlencode({'collection': 'shelf', 'id': ODD})}").text
    assert f'name="id" value="{quote(ODD)}"' in shown
    assert owner.post(page, {"collection": "shelf", "id": quote(ODD)}).status_code == 200
    assert gateway.run(gateway.palier.get_document("shelf", ODD)) is None


def test_who_reads_a_collection_is_told_to_operators(people: People) -> None:
    gateway = people().gateway
    gateway.run(gateway.palier.change_readers("shelf", allow=["payroll", as_reader("anna")]))
    try:
        assert "payroll, user:anna" in people(Role.OPERATOR, groups=("payroll",)).get("/console/knowledge").text
        assert "user:anna" not in people(Role.VIEWER, groups=("payroll",)).get("/console/knowledge").text
        assert "shelf" not in people(Role.OPERATOR).get("/console/knowledge").text
        assert people(Role.OPERATOR).get("/console/knowledge/collections/shelf").status_code == 404
    finally:
        gateway.run(gateway.palier.change_readers("shelf", everyone=True))


def test_sources_that_fail_are_told_to_operators_who_may_read_the_collection(people: People) -> None:
    owner = people()
    palier, run = owner.gateway.palier, owner.gateway.run
    bad = [("/in/a.pdf", f"no text in it {HOSTILE}"), ("/in/b.pdf", "broken")]
    run(palier.note_failing("shelf", ["/in"], bad))
    run(palier.note_failing("unborn", ["/in"], [("/in/c.pdf", "empty")]))
    assert "/in/a.pdf" not in people(Role.VIEWER).get("/console/knowledge").text
    shown = people(Role.OPERATOR).get("/console/knowledge").text
    assert "/in/a.pdf" in shown
    assert "<script>alert" not in shown
    assert "/in/c.pdf" not in shown, "nobody but administrators knows of a collection that holds nothing"
    assert "/in/c.pdf" in owner.get("/console/knowledge").text
    run(palier.note_failing("shelf", ["/in/a.pdf"], []))
    run(palier.forget(document="shelf/b.pdf"))
    run(palier.note_failing("unborn", ["/in"], []))
    assert run(palier.failing_sources()) == []
