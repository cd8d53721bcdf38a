"""A benchmark that is killed goes on from what it finished: no case is asked twice."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
from pathlib import Path

import pytest

from palier.app.bench_erasure import BenchFolder
from palier.evals.runs.kept import Results
from palier.testing.upstream import Call, Upstream, Wire, answers

CASES = 60


def installation(folder: Path, url: str) -> None:
    (folder / "palier.toml").write_text(
        f"""
        data = "data"
        [models.cloud]
        kind = "endpoint"
        base_url = "{url}"
        model = "m"
        retries = 0
        [[routes.support.tiers]]
        model = "cloud"
        highest_label = "internal"
        redact = false
        """
    )
    lines = [json.dumps({"id": f"case-{n}", "input": f"question {n}", "reference": "yes"}) for n in range(CASES)]
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n")


async def bench(folder: Path) -> asyncio.subprocess.Process:
    command = ["-m", "palier", "bench", "cases.jsonl", "--candidates", "tier-1", "--concurrency", "2"]
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )


def finished(folder: Path) -> set[str]:
    """The questions whose answers are kept."""
    results = Results(BenchFolder(folder / "data").results)
    kept = [one for path in results.files() for one in results.load(path.stem).values()]
    return {f"question {one.id.removeprefix('case-')}" for one in kept}


def asked(upstream: Upstream) -> list[str]:
    return [call.json["messages"][-1]["content"] for call in upstream.calls]


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
async def test_a_stopped_run_goes_on_without_asking_twice(tmp_path: Path, sign: signal.Signals) -> None:
    stopped, over, seen = asyncio.Event(), asyncio.Event(), itertools.count(1)

    async def halfway(call: Call, wire: Wire) -> None:
        """Answers half of the questions, and the others once the first run is to stop: until it has, at leisure."""
        if next(seen) > CASES // 2:
            await stopped.wait()
            if not over.is_set():  # on a busy machine it hears of the signal late
                await asyncio.sleep(0.2)
        await answers("yes")(call, wire)

    async with Upstream(default=halfway) as upstream:
        installation(tmp_path, upstream.url)
        first = await bench(tmp_path)
        async with asyncio.timeout(60):
            while len(finished(tmp_path)) < CASES // 2 - 2:
                await asyncio.sleep(0.01)
        first.send_signal(sign)
        if sign is signal.SIGINT:  # what is being asked is waited for
            await asyncio.sleep(0.5)
            stopped.set()
        told, _ = await first.communicate()
        stopped.set()
        over.set()
        assert first.returncode == (-sign if sign is signal.SIGKILL else 130), told.decode()
        if sign is signal.SIGINT:
            assert b"the same command goes on" in told
            assert b"Traceback" not in told
        before = finished(tmp_path)
        assert CASES // 2 - 2 <= len(before) < CASES
        assert (BenchFolder(tmp_path / "data").work.exists()) == (sign is signal.SIGKILL)
        calls = len(upstream.calls)
        second = await bench(tmp_path)
        told, _ = await second.communicate()
        assert second.returncode == 0, told.decode()
        again = asked(upstream)[calls:]
        assert not before & set(again), "what was finished is not asked again"
        assert before | set(again) == {f"question {n}" for n in range(CASES)}
        assert len(again) == len(set(again)) == CASES - len(before)
        assert not BenchFolder(tmp_path / "data").work.exists()
        calls = len(upstream.calls)
        third = await bench(tmp_path)
        await third.communicate()
        assert (third.returncode, len(upstream.calls)) == (0, calls)


async def test_nothing_in_reach_ends_with_4(tmp_path: Path) -> None:
    installation(tmp_path, "http://127.0.0.1:9/v1")
    done = await bench(tmp_path)
    told, _ = await done.communicate()
    assert done.returncode == 4, told.decode()
    assert b"nothing could be reached" in told
