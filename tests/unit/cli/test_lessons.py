"""`palier lessons`, over real files: what is printed, what is kept, and the exit status."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.teaching import NOW, climbed, teaching
from typer.testing import CliRunner, Result

from palier.cli import app, lessons
from palier.config import Settings

SETTINGS = """
data = "data"
[models.open]
kind = "extract"
[models.quote]
kind = "extract"
[[routes.support.tiers]]
model = "quote"
name = "low"
[[routes.support.tiers]]
model = "open"
name = "mid"
"""
EVIL = "\x1b]0;owned\x07\u202eThe lamp"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("home")
    (path / "palier.toml").write_text(SETTINGS)

    async def fill() -> None:
        async with teaching(path) as school:
            await school.asked(climbed("t1", f"{EVIL} of Brest?"), climbed("t2", "Where is the bell?", created=NOW + 1))
            await school.rated("t2", who="eve", rating="down", correction="In the chapel.")

    asyncio.run(fill())
    return path


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk on its files, in this process: the workers of a whole palier take seconds to start."""

    @asynccontextmanager
    async def session(config: Path | Settings) -> AsyncIterator[Any]:
        folder = config.parent if isinstance(config, Path) else Path(config.root)
        async with teaching(folder) as school:
            yield SimpleNamespace(lessons=school.desk, routes={"support": [], "other": []})

    monkeypatch.setattr(lessons, "session", session)


def run(home: Path, *arguments: str, status: int = 0, stdin: str = "") -> Result:
    command = ["lessons", *arguments, "--config", str(home / "palier.toml")]
    done = CliRunner().invoke(app, command, input=stdin)
    assert done.exit_code == status, done.output
    return done


def rows(done: Result) -> list[Any]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_from_requests_to_a_file_and_back(home: Path, tmp_path: Path) -> None:
    found = rows(run(home, "harvest", "support", "--json"))[0]
    assert (found["added"], found["queued"]) == ({"correction": 1, "escalation": 1}, 1)
    again = run(home, "harvest")
    assert "0 lessons from 2 requests of support" in again.stdout
    assert "are lessons already" in again.stdout
    assert "no suite holds anything out" in again.stderr

    listed = run(home, "list")
    assert "Where is the bell?" in listed.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(listed.stdout)
    (waits,) = rows(run(home, "list", "--state", "queued", "--json"))
    assert (waits["kind"], waits["answer"]) == ("correction", "In the chapel.")
    short = waits["id"][-12:]
    assert "somebody else" in run(home, "accept", short, "--as", "eve", status=2).stderr
    assert "accepted" in run(home, "accept", short, "--as", "bob").stdout
    assert "In the chapel." in run(home, "show", short).stdout
    assert rows(run(home, "show", short, "--json"))[0]["reviewer"] == "bob"
    done = rows(run(home, "edit", short, "--answer", "-", "--as", "bob", "--json", stdin="In the old chapel."))
    assert done == [{"id": waits["id"], "state": "accepted", "reviewer": "bob"}]
    stats = rows(run(home, "stats", "--json"))[0]
    assert (stats["states"], stats["users"]) == ({"accepted": 2}, 2)
    assert "2 lessons" in run(home, "stats").stdout

    lines = run(home, "export").stdout
    assert len(rows(run(home, "export", "--kind", "correction"))) == 1
    (tmp_path / "lessons.jsonl").write_text(lines)
    again = run(home, "import", "support", str(tmp_path / "lessons.jsonl"), "--json")
    (told,) = rows(again)
    assert (told["added"], told["queued"], told["refused"]) == (0, 0, {"are lessons already": 2})
    other = tmp_path / "other"
    other.mkdir()
    (other / "palier.toml").write_text(SETTINGS)
    assert "2 lessons added" in run(other, "import", "support", "-", stdin=lines).stdout
    assert run(other, "export").stdout == lines, "what is exported comes back as it was"
    assert "rejected" in run(home, "reject", short, "--reason", "old").stdout


def test_a_wrong_line_is_named_and_nothing_is_kept(home: Path) -> None:
    good = json.dumps({"question": "Who waits for the boat?", "answer": "Ann."})
    bad = run(home, "import", "support", "-", stdin=f"{good}\n\n{{}}\n", status=2)
    assert "line 3" in bad.stderr
    assert "line 1: the line is not a JSON object" in run(home, "import", "support", "-", stdin="[1]", status=2).stderr
    assert "Who waits" not in run(home, "list").stdout
    kept = run(home, "import", "support", "-", "--skip-bad", "--accept", stdin=f"{good}\n{{}}\nnope\n")
    assert "1 lessons added, 0 wait" in kept.stdout
    assert "2 bad lines were left out" in kept.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("harvest", "nowhere"), 2, "no route `nowhere`"),
        (("harvest", "support", "--suite", "/nowhere.jsonl"), 2, "does not exist"),
        (("harvest", "support", "--since", "soon"), 2, "soon"),
        (("show", "none"), 2, "no lesson `none`"),
        (("accept", "none"), 2, "no lesson"),
        (("list", "--route", "elsewhere"), 2, "no route `elsewhere`"),
        (("import", "support", "-"), 2, "no line in it"),
        (("list", "--state", "taught"), 2, "taught is none of"),
        (("edit", "none"), 2, "say what is to be another"),
        (("import", "nowhere", "-"), 2, "no route"),
        (("accept", "none", "--as", ""), 2, "--as"),
    ],
)
def test_what_is_wrong_says_so(home: Path, arguments: tuple[str, ...], status: int, words: str) -> None:
    assert words in run(home, *arguments, status=status).stderr
