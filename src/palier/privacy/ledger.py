"""The chain of the ledger, and how it is verified. Nothing is read or written here.

Anybody can verify it, without palier and without a key:

- `hash 0` is the SHA-256 of `palier-ledger-1`, a line feed (U+000A) and the installation's name, in UTF-8;
- `hash N` is the SHA-256 of the 32 bytes of `hash N-1`, followed by the body of entry N;
- a body is the entry as JSON in UTF-8: the keys of every object in order of their code points, no space between
  tokens, no character escaped but `"`, `\\`, and those below U+0020 (`\\b`, `\\t`, `\\n`, `\\f`, `\\r`, else `\\u00xx`
  in lower case). All numbers in it are whole.

In Python a body is `json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()`. The ledger
keeps the body itself, so that a later palier, whose entries say more, verifies it byte for byte.

A chain that is whole in itself may still have been cut short, or written anew from somewhere on. That is what exported
heads are for: each says which hash the ledger had reached, and is kept where whoever rewrites the ledger cannot reach.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence

import msgspec

from palier.interfaces import Entry, Head, Link
from palier.types import Data

MAX_FAULTS = 20
"""Faults that are told one by one."""

_encoder = msgspec.json.Encoder(order="sorted")


class Chain:
    """`interfaces.Chaining`, by SHA-256."""

    def first(self, installation: str) -> bytes:
        """What stands before the first entry: chains of two installations never meet."""
        return hashlib.sha256(f"palier-ledger-1\n{installation}".encode()).digest()

    def body(self, entry: Entry) -> bytes:
        """The canonical encoding. Raises `UnicodeEncodeError` for half of a surrogate pair."""
        return _encoder.encode(entry)

    def link(self, previous: bytes, body: bytes) -> bytes:
        """The hash of an entry, given that of the one before it."""
        return hashlib.sha256(previous + body).digest()


class Fault(Data, frozen=True, kw_only=True):
    """Something wrong at an entry, in words."""

    sequence: int
    reason: str


class Verdict(Data, frozen=True, kw_only=True):
    """What a walk along the chain found; without faults it is intact."""

    entries: int
    head: str
    """Hash of the last entry, in hexadecimal."""
    faults: tuple[Fault, ...] = ()
    """In order of the chain, `MAX_FAULTS` at most."""
    found: int = 0
    """How many there are in all."""
    trusted: int = 0
    """Up to which entry all is as it was written."""
    trusted_at_ms: int | None = None
    """The time of that entry; None: not even the first is."""
    heads: int = 0
    """Exported heads that were compared and agree."""

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.found


def verify(links: Iterable[Link], installation: str, heads: Sequence[Head] = ()) -> Verdict:
    """Walk the chain, which comes in order of its numbers, and compare it with what was told elsewhere."""
    walk = _Walk(installation, heads)
    for link in links:
        walk.step(link)
    return walk.end()


class _Walk:
    """Where the walk is. After a fault it goes on from what is kept, so that one change is one fault."""

    def __init__(self, installation: str, heads: Sequence[Head]) -> None:
        self._chain = Chain()
        self._hash = self._chain.first(installation)
        self._installation = installation
        self._heads = sorted(heads, key=lambda head: (head.sequence, head.at))
        self._next_head = 0
        self._foreign: set[str] = set()
        self._agreed = 0
        self._agreed_at: tuple[int, int | None] = (0, None)
        """The last entry that agrees with an exported head, and its time."""
        self._trusted: tuple[int, int | None] = (0, None)
        self._expected = 1
        self._count = 0
        self._faults: list[Fault] = []
        self._found = 0

    def step(self, link: Link) -> None:
        """The next entry."""
        self._count += 1
        if link.sequence > self._expected:
            self._miss(self._expected, link.sequence - 1, "missing")
        if link.sequence < self._expected:
            self._fault(link.sequence, f"entry {link.sequence} was put in: the chain begins with entry 1")
            return
        if reason := self._wrong(link):
            self._fault(link.sequence, f"entry {link.sequence} {reason}")
        self._hash = link.hash
        self._expected = link.sequence + 1
        self._compare(link)
        if not self._found:
            self._trusted = (link.sequence, link.entry.at_ms)
            if self._agreed_at[0] == link.sequence:
                self._agreed_at = self._trusted

    def end(self) -> Verdict:
        """After the last entry."""
        last = self._expected - 1
        beyond = [head for head in self._heads[self._next_head :] if self._ours(head)]
        if beyond:
            furthest = beyond[-1]
            self._miss(last + 1, furthest.sequence, f"missing at the end: the head of {_said(furthest)}")
        return Verdict(
            entries=self._count,
            head=self._hash.hex(),
            faults=tuple(self._faults),
            found=self._found,
            trusted=self._trusted[0],
            trusted_at_ms=self._trusted[1],
            heads=self._agreed,
        )

    def _wrong(self, link: Link) -> str:
        if self._chain.link(self._hash, link.body) != link.hash:
            return "was changed, or is not the one that was written after the entry before it"
        try:
            sequence = link.entry.sequence
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return "is no entry"
        return "" if sequence == link.sequence else f"says that it is entry {sequence}"

    def _compare(self, link: Link) -> None:
        """The heads that were exported of this entry."""
        while self._next_head < len(self._heads) and self._heads[self._next_head].sequence <= link.sequence:
            head = self._heads[self._next_head]
            self._next_head += 1
            if not self._ours(head):
                continue
            if head.sequence == link.sequence and head.hash == link.hash.hex():
                self._agreed += 1
                self._agreed_at = (link.sequence, None)
                continue
            start = self._agreed_at[0] + 1
            which = f"entry {start} is" if start == head.sequence else f"of entries {start} to {head.sequence} some are"
            self._trusted = min(self._trusted, self._agreed_at, key=lambda place: place[0])
            self._fault(start, f"{which} not as written: the head of {_said(head)} is another")

    def _ours(self, head: Head) -> bool:
        if head.installation == self._installation:
            return True
        if head.installation not in self._foreign:
            self._foreign.add(head.installation)
            self._trusted = (0, None)
            self._fault(
                1,
                f"the head of {_said(head)} is of installation {head.installation}, and this is the ledger of "
                f"{self._installation}: it stands in that one's place, or the heads are of another machine",
            )
        return False

    def _miss(self, start: int, end: int, how: str) -> None:
        which = f"entry {start} is" if start == end else f"entries {start} to {end} are"
        self._fault(start, f"{which} {how}")

    def _fault(self, sequence: int, reason: str) -> None:
        self._found += 1
        if len(self._faults) < MAX_FAULTS:
            self._faults.append(Fault(sequence=sequence, reason=reason))


def _said(head: Head) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(head.at))
    return f"entry {head.sequence}, exported on {when},"
