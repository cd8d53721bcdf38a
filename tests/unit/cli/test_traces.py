"""`palier traces`, as somebody asks for what went by of late."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from palier.cli import app, terminal
from palier.stores.folder import DataFolder
from palier.stores.traces import SqliteTraces
from palier.testing.traces import trace_of

TOML = 'data = "data"\n[models.small]\nkind = "fake"\n[routes.support]\ntiers = [{ model = "small" }]\n'


def traces(*arguments: str, status: int = 0) -> Result:
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    done = CliRunner().invoke(app, ["traces", *arguments])
    terminal.out.cache_clear()
    terminal.err.cache_clear()
    assert done.exit_code == status, done.output
    assert "Traceback" not in done.output
    return done


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of now, of two hours ago and of last week."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    Path("palier.toml").write_text(TOML)

    async def record() -> None:
        with DataFolder.claim(Path("data")) as folder:
            store = SqliteTraces.open(folder.traces)
            for name, ago_s in (("now", 5), ("earlier", 7_200), ("last-week", 7 * 86_400 + 60)):
                await store.record(trace_of(name, time.time() - ago_s))
            await store.close()

    asyncio.run(record())


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ((), ["now", "earlier", "last-week"]),
        (("--since", "1h"), ["now"]),
        (("--since", "7d"), ["now", "earlier"]),
        (("--since", "7d", "-n", "1"), ["now"]),
    ],
)
def test_it_lists_the_newest_since_a_time(options: tuple[str, ...], names: list[str]) -> None:
    found = [json.loads(line)["id"] for line in traces(*options, "--json").stdout.splitlines()]
    assert found == names


def test_a_time_that_is_none_is_told_with_what_one_looks_like() -> None:
    assert "--since yesterday is no time" in traces("--since", "yesterday", status=2).stderr
