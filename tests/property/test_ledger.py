"""Whatever is done to a chain is found, and at the right place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from palier.interfaces import Entry, Head, Link
from palier.privacy.ledger import Chain, Verdict, verify
from palier.types import Clearance, Label

INSTALLATION = "3f9a"
CHAIN = Chain()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CLEARANCES = st.builds(
    Clearance,
    purpose=st.sampled_from(["draft", "audit", "probe", "download", "head"]),
    destination=TEXT,
    request=TEXT,
    principal=TEXT,
    label=st.sampled_from(Label),
    reason=TEXT,
    withheld=st.integers(0, 10**9),
    redacted=st.dictionaries(TEXT, st.integers(0, 1000), max_size=4),
)
ENTRIES = st.builds(
    Entry,
    sequence=st.integers(1, 2**62),
    at_ms=st.integers(0, 2**53),
    host=TEXT,
    clearance=CLEARANCES,
    size=st.integers(0, 2**40),
    digest=TEXT,
    digest_key=TEXT,
)


def chain_of(count: int, *, branch: int = 0, names: str = "a", start_ms: int = 1_000_000) -> list[Link]:
    """A whole chain; after the entry `branch` of other words, where `names` is another."""
    links, previous = [], CHAIN.first(INSTALLATION)
    for n in range(1, count + 1):
        entry = Entry(
            sequence=n,
            at_ms=start_ms + n,
            host="h",
            clearance=Clearance(purpose="draft", destination=names if n > branch else "a"),
            size=n,
            digest="00",
            digest_key="k",
        )
        body = CHAIN.body(entry)
        previous = CHAIN.link(previous, body)
        links.append(Link(sequence=n, body=body, hash=previous))
    return links


def head_of(link: Link, at: float = 0.0) -> Head:
    return Head(at=at, sequence=link.sequence, hash=link.hash.hex(), installation=INSTALLATION)


def located(verdict: Verdict, entry: int) -> None:
    """The first fault is at `entry`, and all before it is trusted."""
    assert not verdict.intact
    assert verdict.faults[0].sequence == entry, verdict.faults
    assert verdict.trusted == entry - 1
    assert verdict.trusted_at_ms == (1_000_000 + entry - 1 if entry > 1 else None)


@given(ENTRIES)
def test_a_body_is_what_anybody_makes_of_the_entry(entry: Entry) -> None:
    body = CHAIN.body(entry)
    tree = json.loads(body)
    assert json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == body
    assert msgspec.json.decode(body, type=Entry) == entry
    assert CHAIN.link(b"p" * 32, body) == hashlib.sha256(b"p" * 32 + body).digest()


@given(st.integers(0, 60), st.sets(st.integers(0, 59)))
def test_what_nobody_touched_is_intact(count: int, told: set[int]) -> None:
    links = chain_of(count)
    heads = [head_of(links[i], float(i)) for i in told if i < count]
    verdict = verify(links, INSTALLATION, heads)
    assert verdict.intact, verdict.faults
    assert (verdict.entries, verdict.trusted, verdict.heads) == (count, count, len(heads))
    assert verdict.head == (links[-1].hash if links else CHAIN.first(INSTALLATION)).hex()


@st.composite
def places(draw: st.DrawFn) -> tuple[list[Link], int]:
    links = chain_of(draw(st.integers(1, 40)))
    return links, draw(st.integers(0, len(links) - 1))


@given(places(), st.integers(0, 10_000), st.integers(1, 255))
def test_one_byte_of_a_body(place: tuple[list[Link], int], where: int, change: int) -> None:
    links, i = place
    body = bytearray(links[i].body)
    body[where % len(body)] ^= change
    links[i] = msgspec.structs.replace(links[i], body=bytes(body))
    located(verify(links, INSTALLATION), i + 1)


@given(places(), st.binary(max_size=40))
def test_another_body_or_hash(place: tuple[list[Link], int], content: bytes) -> None:
    links, i = place
    for changed in ({"body": content}, {"hash": content}):
        if content not in (links[i].body, links[i].hash):
            some = [*links[:i], msgspec.structs.replace(links[i], **changed), *links[i + 1 :]]
            located(verify(some, INSTALLATION), i + 1)


@given(places())
def test_one_is_taken_out(place: tuple[list[Link], int]) -> None:
    links, i = place
    end = links[-1]
    without = [*links[:i], *links[i + 1 :]]
    if i < len(links) - 1:
        located(verify(without, INSTALLATION), i + 1)
    located(verify(without, INSTALLATION, [head_of(end)]), i + 1)


@given(places(), st.data(), st.booleans())
def test_two_are_swapped(place: tuple[list[Link], int], data: st.DataObject, with_hashes: bool) -> None:
    links, i = place
    if len(links) < 2:
        return
    j = data.draw(st.integers(0, len(links) - 1).filter(lambda j: j != i))
    i, j = min(i, j), max(i, j)
    fields = ("body", "hash") if with_hashes else ("body",)
    a, b = links[i], links[j]
    links[i] = msgspec.structs.replace(a, **{name: getattr(b, name) for name in fields})
    links[j] = msgspec.structs.replace(b, **{name: getattr(a, name) for name in fields})
    located(verify(links, INSTALLATION), i + 1)


@given(places(), st.booleans())
def test_one_is_put_in(place: tuple[list[Link], int], chained: bool) -> None:
    """All after it moved up by one, also where its own hash is right."""
    links, i = place
    before = links[i - 1].hash if i else CHAIN.first(INSTALLATION)
    body = links[i].body.replace(b'"size":', b'"size":9')
    put = Link(sequence=i + 1, body=body, hash=CHAIN.link(before, body) if chained else links[i].hash)
    moved = [msgspec.structs.replace(link, sequence=link.sequence + 1) for link in links[i:]]
    verdict = verify([*links[:i], put, *moved], INSTALLATION)
    located(verdict, i + 2 if chained else i + 1)
    told = verify([*links[:i], put, *moved], INSTALLATION, [head_of(links[-1])])
    assert not told.intact
    assert told.trusted <= i, "a head that is another tells that what is wrong may lie before what does not fit"


@given(places(), st.integers(-5, 0))
def test_one_is_put_before_the_first(place: tuple[list[Link], int], number: int) -> None:
    links, _ = place
    verdict = verify([msgspec.structs.replace(links[0], sequence=number), *links], INSTALLATION)
    assert not verdict.intact
    assert verdict.faults[0].sequence == number
    assert verdict.trusted == 0


@given(places(), st.data())
def test_a_ledger_that_was_cut_short(place: tuple[list[Link], int], data: st.DataObject) -> None:
    links, i = place
    heads = [head_of(links[n]) for n in data.draw(st.sets(st.integers(0, len(links) - 1)))]
    cut = links[:i]
    assert verify(cut, INSTALLATION).intact, "which nothing in the ledger itself can show"
    verdict = verify(cut, INSTALLATION, heads)
    if all(head.sequence <= i for head in heads):
        assert verdict.intact
    else:
        located(verdict, i + 1)
        furthest = max(head.sequence for head in heads)
        assert f"{furthest}" in verdict.faults[0].reason


@given(places(), st.data())
def test_a_ledger_that_was_written_anew_from_somewhere_on(place: tuple[list[Link], int], data: st.DataObject) -> None:
    links, i = place
    told = sorted(data.draw(st.sets(st.integers(0, len(links) - 1))))
    heads = [head_of(links[n]) for n in told]
    anew = chain_of(len(links) + data.draw(st.integers(0, 3)), branch=i, names="forged")
    assert verify(anew, INSTALLATION).intact, "which nothing in the ledger itself can show"
    verdict = verify(anew, INSTALLATION, heads)
    agree = [n + 1 for n in told if n < i]
    if len(agree) == len(told):
        assert verdict.intact
        assert verdict.heads == len(told)
    else:  # somewhere after the last head that agrees
        located(verdict, max(agree, default=0) + 1)


@given(places())
def test_a_ledger_of_another_installation(place: tuple[list[Link], int]) -> None:
    links, _ = place
    heads = [msgspec.structs.replace(head_of(link), installation="other") for link in links]
    verdict = verify(links, INSTALLATION, heads)
    assert verdict.found == 1
    assert "other" in verdict.faults[0].reason
    located(verdict, 1)
    assert not verify(links, "other").intact


def test_faults_are_counted_where_there_are_too_many_to_tell() -> None:
    links = [msgspec.structs.replace(link, body=b"{}") for link in chain_of(100)]
    verdict = verify(links, INSTALLATION)
    assert verdict.found == 100
    assert len(verdict.faults) < 100


def walked(change: Callable[[list[Link]], None]) -> Verdict:
    links = chain_of(5)
    change(links)
    return verify(links, INSTALLATION)


def test_an_entry_that_is_chained_and_is_no_entry() -> None:
    """Whoever forges the last entry must still forge one."""

    def forge(links: list[Link]) -> None:
        for body in (b"{}", b"\xff", CHAIN.body(links[0].entry)):
            links[4] = Link(sequence=5, body=body, hash=CHAIN.link(links[3].hash, body))
            located(verify(links, INSTALLATION), 5)

    assert not walked(forge).intact
