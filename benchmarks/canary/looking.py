"""What came to whom is looked through for canaries, when the run is over."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from benchmarks.canary import corpus
from benchmarks.canary.corpus import COLLECTIONS, LABELS, Company
from benchmarks.canary.house import CUSTOMERS, HIGHEST, PEOPLE, House
from benchmarks.canary.talk import TURNS, Records
from benchmarks.canary.windows import Windows, strings

CHUNK = 100
LOG = "the log"


@dataclass(frozen=True)
class Looked:
    """Texts to look through, and the canaries that may stand in them: by number, and those in `wrote`."""

    exchange: int
    where: str
    texts: tuple[str, ...]
    allowed: frozenset[int] = frozenset()
    wrote: tuple[str, ...] = ()


@dataclass(frozen=True)
class Leak:
    """What came where it may not, in which exchange; -1: in none of the run's."""

    kind: str
    exchange: int
    where: str
    what: str

    def __str__(self) -> str:
        place = (
            f"conversation {self.exchange // TURNS}, exchange {self.exchange}" if self.exchange >= 0 else "after all"
        )
        return f"LEAK ({self.kind}, {place}): {self.what} -> {self.where}"


def gathered(at: House, records: Records) -> list[Looked]:
    """All calls that came to an upstream outside, all that somebody could read, and the gateway's log."""
    log = at.log.read_text(errors="replace").splitlines()
    return [*_received(at), *_readings(at, records), Looked(-1, LOG, tuple(log))]


def _received(at: House) -> Iterator[Looked]:
    for name, one in at.outside.items():
        may = frozenset(
            index
            for index, canary in enumerate(at.company.canaries)
            if LABELS.index(canary.label) <= LABELS.index(HIGHEST[name])
        )
        for came in one.received:
            texts = (*strings(came.call.body), came.call.path, *came.call.headers.values())
            yield Looked(came.exchange, name, texts, may)


def _readings(at: House, records: Records) -> Iterator[Looked]:
    may = {
        person.name: frozenset(i for i, canary in enumerate(at.company.canaries) if person.may_read(canary))
        for person in (*PEOPLE, *CUSTOMERS)
    }
    for one in records.readings:
        yield Looked(one.exchange, one.person.name, one.texts, may[one.person.name], one.wrote)


_windows: Windows | None = None


def _begin(seed: int) -> None:
    global _windows
    company = corpus.build(seed)
    _windows = Windows([canary.text for canary in company.canaries], list(corpus.common(company)))


def _look(chunk: Sequence[Looked]) -> list[set[int]]:
    assert _windows is not None
    return [_windows.inside(one.texts, one.allowed | _windows.inside(one.wrote)) for one in chunk]


def look(looked: Sequence[Looked], seed: int, company: Company, records: Records) -> list[Leak]:
    """The leaks among what was received and read; and what went out of conversations that may not."""
    chunks = [looked[start : start + CHUNK] for start in range(0, len(looked), CHUNK)]
    if len(chunks) > 10:
        with ProcessPoolExecutor(initializer=_begin, initargs=(seed,)) as pool:
            found = list(itertools.chain(*pool.map(_look, chunks)))
    else:
        _begin(seed)
        found = list(itertools.chain(*map(_look, chunks)))
    leaks = []
    for one, indices in zip(looked, found, strict=True):
        if indices:
            held = [company.canaries[index] for index in sorted(indices)]
            what = ", ".join(f"{canary.label} {canary.kind} of {canary.document}" for canary in held[:3])
            leaks.append(Leak(records.kind(one.exchange), one.exchange, one.where, what))
        elif one.where in HIGHEST and one.exchange in records.stuck:
            leaks.append(Leak(records.kind(one.exchange), one.exchange, one.where, "what must stay at home"))
    return leaks


async def counted(at: House) -> list[Leak]:
    """Lists and counts that tell a key of documents it may not read, or not of all it may; and others' traces."""
    leaks = []
    for person in (*PEOPLE, *CUSTOMERS):
        if person.key:
            continue
        headers = {"authorization": f"Bearer {at.key(person)}"}
        readable = {
            name: {page.id for page in at.company.pages if page.collection == name and person.may_read(page)}
            for name in COLLECTIONS
        }
        async with at.client.get("/v1/palier/collections", headers=headers) as reply:
            told = {one["name"]: one["documents"] for one in (await reply.json())["data"]}
        if told != {name: len(pages) for name, pages in readable.items() if pages}:
            leaks.append(Leak("counts", -1, person.name, f"collections {told}"))
        for name, pages in readable.items():
            path = f"/v1/palier/collections/{name}/documents?limit=1000"
            async with at.client.get(path, headers=headers) as reply:
                listed = {one["id"] for one in (await reply.json()).get("data", ())}
            if listed != pages:
                leaks.append(Leak("counts", -1, person.name, f"{len(listed)} documents of {name}, not {len(pages)}"))
        async with at.client.get("/v1/palier/traces?limit=1000", headers=headers) as reply:
            others = {one["principal"] for one in (await reply.json())["data"]} - {person.name}
        if others and not person.admin:
            leaks.append(Leak("counts", -1, person.name, f"traces of {', '.join(sorted(others))}"))
    return leaks
