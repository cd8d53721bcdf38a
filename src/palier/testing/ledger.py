"""What every ledger must do: subclass `LedgerSuite`, give it a `ledger` fixture, and run it with pytest.

    class TestMine(LedgerSuite):
        @pytest.fixture
        async def ledger(self, tmp_path):
            ledger = MyLedger(tmp_path)
            yield ledger
            await ledger.close()

It keeps payloads for `PAYLOAD_DAYS`, and is empty at the start of each test. Asynchronous tests need pytest-asyncio in
auto mode.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

import pytest

from palier.errors import StoreError
from palier.interfaces import EntryFilter, Head, Headed, Ledger, Link
from palier.privacy.ledger import verify
from palier.types import Clearance, Label

PAYLOAD_DAYS = 2.0
DAY_S = 86_400.0


class Kept(Ledger, Headed, Protocol):
    """A ledger that can be read, and the vault beside it."""

    installation: str

    async def entries(self, asked: EntryFilter) -> list[Link]: ...

    async def get(self, sequence: int) -> Link | None: ...

    async def payload(self, sequence: int) -> bytes | None: ...

    async def keep_map(self, trace: str, expires: float, content: bytes) -> None: ...

    async def map_of(self, trace: str) -> bytes | None: ...

    async def expire(self, now: float) -> int: ...

    async def forget(self, requests: Sequence[str], *, dry_run: bool = False) -> dict[str, int]: ...


def clearance_of(
    request: str = "chat-1", *, destination: str = "cloud", label: Label = Label.PUBLIC, purpose: str = "draft"
) -> Clearance:
    """One with something in every field."""
    return Clearance(
        purpose=purpose,  # type: ignore[arg-type]
        destination=destination,
        region="eu-west",
        request=request,
        route="support",
        tier="tier-3",
        principal='Zoé \x00\t"😀\u2028',
        label=label,
        verdict="redact",
        reason="« 2 passages » were kept back",
        withheld=2,
        redacted={"PERSON": 2, "IBAN": 1, "Été": 3},
    )


async def chain_of(ledger: Kept) -> list[Link]:
    """Every entry, oldest first."""
    return (await ledger.entries(EntryFilter(limit=100_000)))[::-1]


class LedgerSuite:
    """The contract of `interfaces.Ledger`, of `Headed`, and of the vault's maps."""

    async def test_an_entry_says_all_but_the_words(self, ledger: Kept) -> None:
        before = int(time.time() * 1000)
        await ledger.enter(clearance_of(), "api.example.com", "une indiscrétion".encode())
        (link,) = await chain_of(ledger)
        entry = link.entry
        assert (entry.sequence, entry.host, entry.clearance) == (1, "api.example.com", clearance_of())
        assert entry.size == len("une indiscrétion".encode())
        assert before <= entry.at_ms <= int(time.time() * 1000) + 1
        assert len(entry.digest) == 64
        assert b"indiscr" not in link.body
        assert await ledger.get(1) == link
        assert await ledger.get(2) is None

    async def test_the_chain_is_whole_also_when_many_enter_at_once(self, ledger: Kept) -> None:
        async def task(number: int) -> None:
            for i in range(10):
                await ledger.enter(clearance_of(f"{number}-{i}"), "h", b"x" * i)

        await asyncio.gather(*(task(number) for number in range(32)))
        links = await chain_of(ledger)
        assert [link.sequence for link in links] == list(range(1, 321))
        assert len({link.entry.clearance.request for link in links}) == 320
        verdict = verify(links, ledger.installation)
        assert verdict.intact, verdict.faults
        assert verdict.entries == verdict.trusted == 320

    async def test_a_digest_tells_bytes_apart(self, ledger: Kept) -> None:
        for content in (b"one", b"one", b"two", b""):
            await ledger.enter(clearance_of(), "h", content)
        digests = [link.entry.digest for link in await chain_of(ledger)]
        assert digests[0] == digests[1]
        assert len(set(digests)) == 3

    async def test_what_cannot_be_encoded_is_refused_and_nothing_is_entered(self, ledger: Kept) -> None:
        await ledger.enter(clearance_of("before"), "h", b"")
        outcomes = await asyncio.gather(
            ledger.enter(clearance_of("with"), "h", b""),
            ledger.enter(clearance_of("half \ud800"), "h", b""),
            ledger.enter(clearance_of("after"), "h", b""),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [type(None), StoreError, type(None)]
        links = await chain_of(ledger)
        assert [link.entry.clearance.request for link in links] == ["before", "with", "after"]
        assert verify(links, ledger.installation).intact

    async def test_entries_are_found(self, ledger: Kept) -> None:
        for i in range(6):
            await ledger.enter(
                clearance_of(
                    f"chat-{i % 2}23456789012",
                    destination=("cloud", "other")[i % 3 == 0],
                    label=list(Label)[i % 4],
                ),
                "h",
                b"",
            )

        async def found(**asked: object) -> str:
            return "".join(str(link.sequence) for link in await ledger.entries(EntryFilter(**asked)))  # type: ignore[arg-type]

        assert await found() == "654321"
        assert await found(limit=2) == "65"
        assert await found(limit=2, before=5) == "43"
        assert await found(limit=0) == await found(limit=-1) == ""
        assert await found(destination="other") == "41"
        assert await found(label=Label.INTERNAL) == "62"
        assert await found(trace="chat-123456789012") == await found(trace="123456789012") == "642"
        assert await found(trace="chat-1") == ""
        assert await found(destination="cloud", trace="chat-123456789012") == "62"
        assert await found(since_ms=0) == "654321"
        assert await found(since_ms=int(time.time() * 1000) + 60_000) == ""
        assert await found(destination="' OR 1 --") == ""

    async def test_the_head_moves_with_what_leaves(self, ledger: Kept) -> None:
        assert await ledger.head() is None
        assert not await ledger.moved(0)
        for content in (b"one", b"two"):
            await ledger.enter(clearance_of(), "h", content)
        last = (await chain_of(ledger))[-1]
        head = await ledger.head()
        assert head == Head(
            at=head.at if head else 0, sequence=2, hash=last.hash.hex(), installation=ledger.installation
        )
        assert await ledger.moved(0)
        assert await ledger.moved(1)
        assert not await ledger.moved(2)
        await ledger.enter(clearance_of(purpose="head"), "h", b"the head itself")
        assert not await ledger.moved(2)
        await ledger.enter(clearance_of(), "h", b"three")
        assert await ledger.moved(2)

    async def test_payloads_are_kept_for_their_days(self, ledger: Kept) -> None:
        large = b"\x00large" * 100_000
        for content in (b"one", large):
            await ledger.enter(clearance_of(), "h", content)
        now = time.time()
        assert [await ledger.payload(n) for n in (1, 2, 3)] == [b"one", large, None]
        assert await ledger.expire(now + (PAYLOAD_DAYS - 0.1) * DAY_S) == 0
        assert await ledger.expire(now + (PAYLOAD_DAYS + 0.1) * DAY_S) == 2
        assert [await ledger.payload(n) for n in (1, 2)] == [None, None]
        links = await chain_of(ledger)
        assert len(links) == 2
        assert verify(links, ledger.installation).intact

    async def test_many_payloads_expire_at_once(self, ledger: Kept) -> None:
        await asyncio.gather(*(ledger.enter(clearance_of(), "h", b"%d" % i) for i in range(1_200)))
        assert await ledger.expire(time.time() + (PAYLOAD_DAYS + 1) * DAY_S) == 1_200
        assert len(await chain_of(ledger)) == 1_200

    async def test_maps_are_kept_until_they_expire(self, ledger: Kept) -> None:
        assert await ledger.map_of("t1") is None
        await ledger.keep_map("t1", 1_000.0, b"first")
        await ledger.keep_map("t2", 2_000.0, b"\x00" * 300_000)
        await ledger.keep_map("t1", 1_500.0, b"second")
        assert await ledger.map_of("t1") == b"second"
        assert await ledger.map_of("t2") == b"\x00" * 300_000
        assert await ledger.expire(1_499.0) == 0
        assert await ledger.expire(1_500.0) == 1
        assert await ledger.map_of("t1") is None
        assert await ledger.map_of("t2") is not None

    @pytest.mark.parametrize("count", [1, 50])
    async def test_maps_of_many_at_once(self, ledger: Kept, count: int) -> None:
        await asyncio.gather(*(ledger.keep_map(f"t{i}", 1e12, b"%d" % i) for i in range(count)))
        assert [await ledger.map_of(f"t{i}") for i in range(count)] == [b"%d" % i for i in range(count)]

    async def test_what_is_forgotten_leaves_its_entries(self, ledger: Kept) -> None:
        for request in ("a", "b", "a", "c"):
            await ledger.enter(clearance_of(request), "h", request.encode())
        for request in ("a", "b"):
            await ledger.keep_map(request, 1e12, request.encode())
        asked = ["a", "c", "absent", *(f"x{i}" for i in range(1_200))]
        assert await ledger.forget(asked, dry_run=True) == {"payloads": 3, "maps": 1}
        assert await ledger.payload(1) == b"a"
        assert await ledger.forget(asked) == {"payloads": 3, "maps": 1}
        assert await ledger.forget(asked) == await ledger.forget([]) == {"payloads": 0, "maps": 0}
        assert [await ledger.payload(n) for n in (1, 2, 3, 4)] == [None, b"b", None, None]
        assert [await ledger.map_of(request) for request in ("a", "b")] == [None, b"b"]
        links = await chain_of(ledger)
        assert len(links) == 4
        assert verify(links, ledger.installation).intact
