"""Versions that are adapters, on the real engine: a rollback is a change of names, another base is refused by hash."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests import noise

from palier import Palier
from palier.app import gate
from palier.cases import Case, Suite
from palier.config import Learning, Settings, parse
from palier.errors import ConfigurationError, InvalidRequest
from palier.models import weights
from palier.models.adapters import Lineage, beside
from palier.models.engine import Engine
from palier.stores.versions import SqliteVersions
from palier.testing.versions import version_of
from palier.types import Label
from palier.versions import Standing, Version

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

ROUTE, QUESTION = "support", "What is a landing?"


def settings(folder: Path) -> Settings:
    model = {"kind": "engine", "weights": noise.SMALL, "context": 256, "parallel": 1}
    route = {"audit": 0, "max_tokens": 8, "tiers": [{"model": "small", "threshold": 0.0}]}
    return parse({"data": "data", "models": {"small": model}, "routes": {ROUTE: route}}, root=folder)


@pytest.fixture
def base() -> str:
    """SHA-256 of the weights."""
    return weights.hash_once(weights.path_of(noise.small_weights()))


@asynccontextmanager
async def registry(folder: Path) -> AsyncIterator[SqliteVersions]:
    versions = SqliteVersions.open(folder / "data" / "state.db")
    yield versions
    await versions.close()


async def kept(folder: Path, base: str, seed: int) -> Version:
    """An adapter that passed the gate."""
    made = version_of(ROUTE, policy="", collections=(), base=base, files={})
    place = folder / "data" / "students" / made.id
    place.mkdir(parents=True)
    digest = hashlib.sha256(noise.write(place / "adapter.gguf", seed).read_bytes()).hexdigest()
    version = version_of(ROUTE, id=made.id, policy="", collections=(), base=base, files={"adapter.gguf": digest})
    async with registry(folder) as versions:
        await versions.add(version)
        await versions.shadow(version.id, {"passed": True})
    return version


async def told(p: Palier) -> str:
    return (await p.ask(QUESTION, temperature=0.0)).text


def engine(p: Palier) -> Engine:
    found: Any = p.models["small"]
    assert isinstance(found, Engine)
    return found


async def taken_back(p: Palier, to: str) -> None:
    started = time.perf_counter()
    assert (await p.students.roll_back(ROUTE)).live == to
    assert time.perf_counter() - started < 1.0


async def holds(p: Palier, *names: str) -> None:
    """Wait until the engine has loaded them."""
    async with asyncio.timeout(60):
        while not set(names) <= set(engine(p).adapters):
            await asyncio.sleep(0.05)


async def test_a_rollback_is_a_change_of_names_and_brings_back_the_same_words(tmp_path: Path, base: str) -> None:
    one, two, three = [await kept(tmp_path, base, seed) for seed in (7, 8, 9)]
    async with Palier.open(settings(tmp_path)) as p:
        said = {"": await told(p)}
        for version in (one, two, three):
            await p.students.promote(version.id)
            said[version.id] = await told(p)
        assert len(set(said.values())) == 4, "each changes every answer"

    async with Palier.open(settings(tmp_path)) as p:
        assert await told(p) == said[three.id]
        assert engine(p).adapters == (three.id, two.id), "what answers, and what did before"
        child = engine(p).pid
        await taken_back(p, two.id)
        assert engine(p).pid == child, "no other process"
        assert await told(p) == said[two.id]

        await holds(p, one.id, two.id)  # loaded meanwhile, for the next one
        assert await told(p) == said[two.id]
        child = engine(p).pid
        for version in (one.id, ""):
            await taken_back(p, version)
            assert engine(p).pid == child
            assert await told(p) == said[version]
        await p.students.promote(one.id)
        assert (engine(p).pid, await told(p)) == (child, said[one.id]), "it is still there"


async def test_one_that_waits_is_loaded_before_it_is_promoted(tmp_path: Path, base: str) -> None:
    waiting = await kept(tmp_path, base, 7)
    async with Palier.open(settings(tmp_path)) as p:
        own = await told(p)
        child = engine(p).pid
        await p.students.promote(waiting.id)
        assert engine(p).pid == child
        assert await told(p) != own


async def test_one_that_passes_meanwhile_is_loaded_beside_and_answers_in_shadow(tmp_path: Path, base: str) -> None:
    async with Palier.open(settings(tmp_path)) as p:
        own = await told(p)
        waiting = await kept(tmp_path, base, 7)
        await p.returning.look()
        assert waiting.id in engine(p).adapters
        assert ROUTE in p.shadow.casts
        assert await told(p) == own
        child = engine(p).pid
        await p.students.promote(waiting.id)
        assert (engine(p).pid, await told(p) != own) == (child, True)


async def test_a_rollback_before_anything_is_loaded_starts_nothing(tmp_path: Path, base: str) -> None:
    """As of the command line, where no gateway runs."""
    one, two = [await kept(tmp_path, base, seed) for seed in (7, 8)]
    async with registry(tmp_path) as versions:
        for version in (one, two):
            await versions.promote(version.id, best=True)
    async with Palier.open(settings(tmp_path)) as p:
        for name in (one.id, ""):
            await taken_back(p, name)
        assert engine(p).pid is None


async def test_one_for_another_base_is_refused_and_what_answers_goes_on(tmp_path: Path, base: str) -> None:
    good, other = await kept(tmp_path, base, 7), await kept(tmp_path, "ab" * 32, 8)
    why = f"{other.id} was taught on other weights, with SHA-256 abababab"
    async with Palier.open(settings(tmp_path)) as p:
        await p.students.promote(good.id)
        said = await told(p)
        with pytest.raises(ConfigurationError, match=why):
            await p.students.promote(other.id)
        assert await p.students.standing(ROUTE) == Standing(live=good.id, best=good.id)
        assert await told(p) == said
        await p.students.roll_back(ROUTE)
        own = await told(p)
    suite = Suite(name="s", route=ROUTE, cases=(Case(id="c", input=QUESTION, references=("x",), split="holdout"),))
    async with registry(tmp_path) as versions:
        with pytest.raises(ConfigurationError, match=why):
            await gate.rule(settings(tmp_path), versions, tmp_path / "data" / "students", other.id, suite)
        await versions.promote(other.id, best=True)  # as after its weights were replaced
    async with Palier.open(settings(tmp_path)) as p:
        assert await told(p) == own
        assert why in p.students.problems[ROUTE]


async def test_an_engine_holds_so_many_and_the_route_of_one_more_is_served_by_its_own(
    tmp_path: Path, base: str
) -> None:
    version = await kept(tmp_path, base, 7)
    full = {f"own{n}": str(noise.write(tmp_path / f"own{n}.gguf", n)) for n in range(8)}
    declared = settings(tmp_path)
    small = {"kind": "engine", "weights": noise.SMALL, "context": 256, "parallel": 1, "adapters": full}
    tiers = [{"model": "small", "threshold": 0.0}]
    crowded = parse(
        {"data": "data", "models": {"small": small}, "routes": {ROUTE: {"audit": 0, "max_tokens": 8, "tiers": tiers}}},
        root=tmp_path,
    )
    async with Palier.open(declared) as p:
        own = await told(p)
        await p.students.promote(version.id)
    async with Palier.open(crowded) as p:
        assert await told(p) == own
        assert "holds no more" in p.students.problems[ROUTE]


async def test_one_in_shadow_is_asked_by_the_same_engine_beside_what_is_served(tmp_path: Path, base: str) -> None:
    version = await kept(tmp_path, base, 7)
    declared = msgspec.structs.replace(settings(tmp_path), learning=Learning(shadow=1.0))
    async with Palier.open(declared) as p:
        assert engine(p).pid is None, "that it waits starts nothing"
        own = await told(p)
        await p.shadow.finish()
        (one,) = await p.shadows.list(version.id, words=True)
        assert (one.outcome, one.home) == ("kept", True)
        assert one.words is not None
        other = one.words.answer
        assert other != own
        assert await told(p) == own
        child = engine(p).pid
        await p.students.promote(version.id)
        assert (engine(p).pid, await told(p)) == (child, other), "what it said in shadow is what it says"


@pytest.mark.parametrize("languages", [(), ("fr",)])
async def test_it_may_be_asked_in_what_it_was_taught_in(tmp_path: Path, base: str, languages: tuple[str, ...]) -> None:
    """The base speaks English; an adapter of French lessons that is never asked in French would have learnt for nothing."""
    file = noise.write(tmp_path / "a.gguf", 1)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    made = Lineage(
        base=noise.SMALL,
        base_sha256=base,
        adapter_sha256=digest,
        lessons=8,
        lessons_sha256="0" * 64,
        label=Label.PUBLIC,
        languages=languages,
    )
    beside(file).write_bytes(msgspec.json.encode(made))
    given = settings(tmp_path)
    small = msgspec.structs.replace(given.models["small"], languages=("en",), adapters={"a": "a.gguf"})
    route = given.routes[ROUTE]
    tier = msgspec.structs.replace(route.tiers[0], adapter="a")
    given = msgspec.structs.replace(
        given, models={"small": small}, routes={ROUTE: msgspec.structs.replace(route, tiers=(tier,))}
    )
    async with Palier.open(given) as p:
        if languages:
            assert (await p.ask("Quel est le prix ?", language="fr")).tier == "tier-1"
        else:
            with pytest.raises(InvalidRequest, match="small speaks en"):
                await p.ask("Quel est le prix ?", language="fr")
