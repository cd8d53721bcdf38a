"""A full disk: recording stops loudly, refused or gone on without, and begins again by itself."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from palier.app import Palier
from palier.config import parse
from palier.errors import Busy, StoreError
from palier.stores import failing, journal
from palier.stores.failing import Failing

TREE: dict[str, Any] = {
    "models": {"m": {"kind": "fake", "file": "script.jsonl"}},
    "routes": {"r": {"tiers": [{"model": "m", "highest_label": "restricted"}], "audit": 0}},
}


class Steady:
    now = 100.0

    def __call__(self) -> float:
        return self.now


async def full(opened: Palier, *, on: bool) -> None:
    """As where the disk of the traces has no page left."""

    def limit(connection: Any) -> None:
        pages = connection.pragma("page_count")
        connection.pragma("max_page_count", pages if on else 1_000_000)

    await opened.traces.database.write(limit)


LONG = "word " * 50_000


@pytest.mark.parametrize("goes_on", [False, True])
async def test_what_cannot_be_recorded_is_refused_or_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    (tmp_path / "script.jsonl").write_text('{"answer": "Yes."}\n')
    tree = {**TREE, "store": {"on_store_failure": "go on"}} if goes_on else TREE
    async with Palier.open(parse(tree, root=tmp_path)) as opened:
        steady = Steady()
        opened.failing._steady = steady
        (model,) = opened.models.values()
        await opened.ask("before")
        await full(opened, on=True)
        assert (await opened.ask(LONG)).text == "Yes.", "it is acknowledged, and waits beside the file"
        await opened.list_traces()
        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                if goes_on:
                    assert (await opened.ask(LONG)).text == "Yes."
                else:
                    with pytest.raises(StoreError) as refused:
                        await opened.ask(LONG)
        said = [record for record in caplog.records if "NOT RECORDED" in record.message]
        assert len(said) == 1
        assert len(model.calls) == (5 if goes_on else 3)  # type: ignore[attr-defined]
        now = await opened.now()
        assert now.unrecorded == (3 if goes_on else 1)
        assert "full" in now.failing
        if not goes_on:
            assert refused.value.retry_after == failing.RETRY_S
        await full(opened, on=False)
        steady.now += failing.RETRY_S
        assert (await opened.ask("after")).text == "Yes."
        assert (await opened.now()).failing == ""
        traces = await opened.list_traces()
        assert len(traces.traces) == 3


@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_store_that_is_behind_is_as_one_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    (tmp_path / "script.jsonl").write_text('{"answer": "Yes."}\n')
    tree = {**TREE, "store": {"on_store_failure": "go on"}} if goes_on else TREE
    async with Palier.open(parse(tree, root=tmp_path)) as opened:
        (model,) = opened.models.values()
        monkeypatch.setattr(journal, "MOST", 0)
        if goes_on:
            for _ in range(2):
                assert (await opened.ask("Is it?")).text == "Yes."
        else:
            with pytest.raises(Busy):
                await opened.ask("Is it?")
            with pytest.raises(StoreError, match="are not answered"):
                await opened.ask("Is it?")
        asked = 2 if goes_on else 1
        assert len(model.calls) == asked  # type: ignore[attr-defined]
        assert (await opened.now()).unrecorded == asked


async def test_one_is_let_through_to_try_and_the_log_says_it_again_each_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    steady = Steady()
    one = Failing(steady=steady)

    async def broken() -> None:
        raise StoreError("the disk is full")

    one.check()
    for _ in range(2):
        with pytest.raises(StoreError, match="could not be recorded") as refused:
            await one.recorded(broken())
        assert "the disk" not in str(refused.value), "what may hold a path is for the log"
        assert refused.value.logged
        for _ in range(3):
            with pytest.raises(StoreError, match="are not answered"):
                one.check()
        steady.now += failing.RETRY_S
        one.check()
        with pytest.raises(StoreError, match="are not answered"):
            one.check()
        steady.now += failing.SAID_EVERY_S
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "the disk is full" in caplog.text


async def test_a_clock_that_steps_loses_no_request_and_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "script.jsonl").write_text('{"answer": "Yes."}\n')
    now = time.time()
    async with Palier.open(parse(TREE, root=tmp_path)) as opened:
        for step in (0, 7200, -7200, 90_000, -86_400, 0):
            monkeypatch.setattr(time, "time", lambda step=step: now + step)
            assert (await opened.ask("Is it?")).text == "Yes."
        monkeypatch.undo()
        assert len((await opened.list_traces()).traces) == 6
        went = await opened.hours.went_by(now - 200_000, now + 200_000)
        assert sum(row.requests for row in went.passing) == 6
