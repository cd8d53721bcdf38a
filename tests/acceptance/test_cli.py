"""The command line as a person meets it: a process, its output, its exit status; each command once, at least."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.commands import called

SETTINGS = """
[redaction]
names = "off"

[models.quote]
kind = "extract"

[models.fake]
kind = "fake"
file = "script.jsonl"

[routes.support]
collections = ["notes"]
[[routes.support.tiers]]
model = "quote"
threshold = 0.99
[[routes.support.tiers]]
model = "fake"
highest_label = "internal"

[routes.chat]
[[routes.chat.tiers]]
model = "fake"
highest_label = "restricted"
"""

HOSTILE = "\x1b]0;owned\x07[bold red]Noon\x9b31m\u202e!"
RULES = [
    {"pattern": "hostile", "answer": HOSTILE},
    {"pattern": "broken", "fail": "unavailable"},
    {"answer": "It rings at noon [1]."},
]


@dataclass(frozen=True)
class Home:
    """A folder with a palier.toml, and commands run in it."""

    path: Path
    environment: Mapping[str, str]

    def failing(self) -> list[str]:
        """The sources that could not be read when they were last ingested."""
        connection = sqlite3.connect(next(self.path.glob("*/knowledge.db")))
        try:
            return [source for (source,) in connection.execute("SELECT source FROM failing")]
        finally:
            connection.close()

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "palier", *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(command, cwd=self.path, env=dict(self.environment), text=True, **pipes)

    def run(self, *arguments: str, status: int = 0, stdin: str = "") -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(stdin, timeout=90)
        assert process.returncode == status, f"{arguments} gave {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def call(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """As `run`, in this process: each command is a process once, at least."""
        return called(self.path, *arguments, **options)

    def json(self, *arguments: str, **options: Any) -> list[Any]:
        return [json.loads(line) for line in self.call(*arguments, **options).stdout.splitlines()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    path = tmp_path_factory.mktemp("home")
    (path / "palier.toml").write_text(SETTINGS)
    (path / "script.jsonl").write_text("\n".join(map(json.dumps, RULES)))
    notes = path / "notes"
    notes.mkdir()
    (notes / "bell.md").write_text("# The bell\n\nThe bell of the chapel rings at noon every day.\n")
    evil = {"id": "evil.md", "title": f"Evil {HOSTILE}", "text": f"The hostile note says {HOSTILE} to everybody."}
    (notes / "evil.jsonl").write_text(json.dumps(evil) + "\n")
    (path / "secret.txt").write_text("The treasure of the chapel is below the altar.\n")
    environment = {k: v for k, v in os.environ.items() if k != "PALIER_CONFIG"}
    made = Home(path, {**environment, "COLUMNS": "100", "NO_COLOR": "1"})
    made.run("ingest", "notes", "--label", "public")
    return made


@pytest.fixture(scope="module")
def gateway(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Holds the data folder for the tests that ask for it, and for those after."""
    process = home.start("serve", "--port", "0", "--until-eof")
    assert process.stderr is not None
    assert process.stdin is not None
    assert "palier answers on http://127.0.0.1:" in process.stderr.readline()
    yield process
    process.stdin.close()
    assert process.wait(20) == 0


@pytest.fixture
def served(home: Home, gateway: subprocess.Popen[str]) -> Home:
    """The same home, its commands going through the gateway."""
    return home


# --- by itself ------------------------------------------------------------------------------------------------------


def test_it_starts_fast(home: Home) -> None:
    """In processor time, which other work on the machine does not change much: 0.4 s where this was written.

    On a slower machine, against what it takes there to load the libraries that every command needs.
    """
    bare = min(_took(lambda: subprocess.run([sys.executable, "-c", LIBRARIES], check=True)) for _ in range(3))
    took = [_took(lambda: home.run("--help")) for _ in range(3)]
    assert min(took) < max(0.8, 4 * bare), (took, bare)


LIBRARIES = "import asyncio, typer, rich.console, msgspec"


def _took(run: Callable[[], object]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_version(home: Home) -> None:
    from palier import __version__

    assert home.call("--version").stdout.strip() == home.run("version").stdout.strip() == __version__


def test_usage_and_configuration_exit_2(home: Home, tmp_path: Path) -> None:
    home.run("no-such-command", status=2)
    assert "palier init" in home.call("ask", "x", "-c", str(tmp_path / "none.toml"), status=2).stderr
    bad = tmp_path / "bad.toml"
    bad.write_text("[server]\nprot = 1\n")
    assert "did you mean `port`?" in home.call("serve", "-c", str(bad), status=2).stderr
    assert "no question" in home.call("ask", status=2).stderr
    assert "say which route" in home.call("ask", "x", status=2).stderr


def test_init_does_not_overwrite(home: Home, tmp_path: Path) -> None:
    home.run("init", str(tmp_path / "new"))
    written = (tmp_path / "new" / "palier.toml").read_text()
    assert "[[routes.support.tiers]]" in written
    assert "is there already" in home.call("init", str(tmp_path / "new"), status=2).stderr
    assert (tmp_path / "new" / "palier.toml").read_text() == written


def test_ingest_is_incremental_and_prunes(home: Home) -> None:
    more = home.path / "notes" / "more.txt"
    more.write_text("A note that comes and goes.")
    (summary,) = home.json("ingest", "notes", "--label", "public")
    assert (summary["added"], summary["unchanged"]) == (1, 2)
    more.unlink()
    lines = home.json("ingest", "notes", "--label", "public", "--prune", "--json")
    assert sorted((line["action"], line["id"]) for line in lines) == [
        ("deleted", "more.txt"),
        ("unchanged", "bell.md"),
        ("unchanged", "evil.md"),
    ]


def test_a_broken_file_is_reported_and_the_rest_goes_on(home: Home, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 no more")
    (tmp_path / "good.txt").write_text("A good note.")
    done = home.call("ingest", str(tmp_path), "--collection", "other", status=1)
    assert "broken.pdf" in done.stderr
    assert "confidential: will not climb" in " ".join(done.stderr.split())
    summary = json.loads(done.stdout)
    assert (summary["added"], summary["failed"]) == (1, 1)
    assert home.failing() == [str(tmp_path / "broken.pdf")], "which the console shows"
    (tmp_path / "broken.pdf").unlink()
    home.run("ingest", str(tmp_path), "--collection", "other")
    assert home.failing() == []


def test_ask_answers_then_says_where_from_and_why(home: Home) -> None:
    shown = home.run("ask", "When does the bell ring?", "--route", "support").stdout
    assert shown.startswith("It rings at noon [1].")
    assert "tier-2 (fake)" in shown
    assert "not calibrated" in shown
    assert "[1] The bell" in shown
    assert "cost unknown" in shown
    quiet = home.call("ask", "When does the bell ring?", "--route", "support", "--quiet")
    assert quiet.stdout == "It rings at noon [1].\n"


def test_doctor_finds_all_well(home: Home) -> None:
    found = home.json("doctor", "--json")
    assert {"system", "settings", "model quote", "store knowledge.db"} <= {finding["check"] for finding in found}
    assert "model fake" in home.run("doctor").stdout


# --- through the gateway -----------------------------------------------------------------------------------------


def test_ingest_reads_json_lines_from_standard_input(served: Home) -> None:
    line = json.dumps({"id": "n1", "text": "A line that came by a pipe.", "label": "public"})
    done = served.run("ingest", "-", "--collection", "piped", "--label", "public", stdin=line + "\n")
    assert json.loads(done.stdout)["added"] == 1
    assert served.json("search", "pipe", "--collection", "piped", "--json")[0]["document"] == "n1"
    served.call("ingest", "-", "--collection", "piped", "--label", "public", stdin='{"id": 1}\n', status=2)
    assert served.failing() == ["stdin"]


def test_search_shows_passages_and_scores(served: Home) -> None:
    shown = served.run("search", "When does the bell ring?").stdout
    assert "The bell" in shown
    assert "score" in shown
    (line,) = served.json(
        "search", "--jsonl", "--collection", "notes", "--top", "1", stdin='{"id": 7, "query": "the bell"}\n'
    )
    assert line["id"] == 7
    assert line["hits"][0]["document"] == "bell.md"
    assert set(line["hits"][0]) == {"document", "passage", "score", "text", "label"}


def test_ask_filters_json_lines(served: Home) -> None:
    lines = [
        {"id": "a", "question": "When does the bell ring?"},
        {"id": "b"},
        {"id": "c", "messages": [{"role": "user", "content": "And the bell?"}]},
        {"id": "d", "messages": [{"role": "clown", "content": "And the bell?"}]},
    ]
    given = "\n".join(map(json.dumps, lines))
    done = served.run("ask", "--jsonl", "--route", "support", stdin=given, status=1)
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in out] == ["a", "b", "c", "d"]
    assert set(out[0]) == {
        "id", "answer", "tier", "confidence", "decision", "reason", "sources", "cost", "energy_wh", "carbon_g", "latency_ms", "trace",
    }  # fmt: skip
    assert (out[0]["answer"], out[0]["tier"], out[0]["decision"]) == ("It rings at noon [1].", "tier-2", "stay")
    assert [line["error"]["code"] for line in out if "error" in line] == ["invalid_request"] * 2


def test_traces_read_back_what_was_asked(served: Home) -> None:
    (answer,) = served.json("ask", "When does the bell ring at all?", "--route", "support", "--json")
    newest = served.json("traces", "--json", "-n", "1")[0]
    assert newest["id"] == answer["trace"]
    table = served.run("traces").stdout
    assert answer["trace"][-12:] in table
    assert max(map(len, table.splitlines())) <= 80
    assert served.json("traces", "show", answer["trace"][-12:], "--json")[0]["id"] == answer["trace"]
    shown = served.call("traces", "show", answer["trace"]).stdout
    assert "When does the bell ring at all?" in shown
    assert "tier-1 (quote)" in shown
    (trace,) = served.json("traces", "show", answer["trace"], "--json")
    assert trace["content"]["answer"] == "It rings at noon [1]."
    assert "no trace" in served.call("traces", "show", "never", status=2).stderr


def test_an_engine_out_of_reach_exits_4(served: Home) -> None:
    assert "scripted failure" in served.run("ask", "broken", "--route", "chat", status=4).stderr


def test_a_reader_that_leaves_is_no_error(served: Home) -> None:
    lines = "\n".join('{"id": 1, "query": "bell"}' for _ in range(2000))
    process = served.start("search", "--jsonl", stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(lines, timeout=60)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert process.returncode == 141


def test_hostile_text_is_inert(served: Home) -> None:
    for arguments in (("ask", "hostile", "--route", "chat"), ("search", "hostile note"), ("traces", "show", "\x1b[2J")):
        done = served.call(*arguments, status=2 if arguments[0] == "traces" else 0)
        assert not set(done.stdout + done.stderr) & set("\x1b\x07\x9b\u202e"), arguments
    assert "[bold red]" in served.call("ask", "hostile", "--route", "chat").stdout
    raw = served.run("ask", "hostile", "--route", "chat", "--json").stdout
    assert not set(raw) & set("\x1b\x07\x9b\u202e")
    assert json.loads(raw)["answer"] == HOSTILE


def test_as_reads_what_that_user_may_read(served: Home) -> None:
    served.call("ingest", "secret.txt", "--collection", "secrets", "--label", "restricted", "--group", "board")
    found = [
        len(served.json("search", "treasure", "--collection", "secrets", "--json", *who))
        for who in ((), ("--as", "marie"), ("--as", "marie", "--as-group", "board"))
    ]
    assert found == [1, 0, 1]


def test_models_and_collections_are_listed(served: Home) -> None:
    cards = served.json("models", "--json")
    assert {"name", "licence", "context", "languages", "may_train_on_outputs", "measured"} <= set(cards[0])
    assert "smollm2-135m" in served.run("models").stdout
    assert "notes" in [collection["name"] for collection in served.json("collections", "--json")]


def test_commands_go_through_the_running_gateway(served: Home, gateway: subprocess.Popen[str]) -> None:
    assert "in use by process" in served.run("serve", "--port", "0", status=2).stderr
    (served.path / "notes" / "gate.txt").write_text("The gate of the garden is green.")
    (summary,) = served.json("ingest", "notes", "--label", "public")
    assert summary["added"] == 1
    assert served.json("search", "What colour is the gate?", "--json", "-n", "1")[0]["document"] == "gate.txt"
    assert served.call("ask", "hello", "--route", "chat", "-q").stdout == "It rings at noon [1].\n"
    assert served.json("traces", "--json", "-n", "1")[0]["route"] == "chat"
    found = map(json.loads, served.run("doctor", "--json").stdout.splitlines())
    checks = {finding["check"]: finding for finding in found}
    assert str(gateway.pid) in checks["gateway"]["detail"]
    served.call("ask", "hello", "--route", "nowhere", status=2)


def test_a_gateway_stops_with_whoever_started_it(home: Home, tmp_path: Path) -> None:
    """A parent killed outright leaves no gateway behind: its end of the pipe closes."""
    (tmp_path / "palier.toml").write_text('[models.fake]\nkind = "fake"\n[[routes.r.tiers]]\nmodel = "fake"\n')
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'palier', 'serve', '--port', '0', "
            "'--until-eof'], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True); p.stderr.readline(); "
            "print(p.pid, flush=True); p.wait()",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and alive(child):
        time.sleep(0.05)
    assert not alive(child)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes()
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_an_interrupt_ends_a_gateway_well(home: Home, tmp_path: Path) -> None:
    (tmp_path / "palier.toml").write_text('[models.fake]\nkind = "fake"\n[[routes.r.tiers]]\nmodel = "fake"\n')
    process = Home(tmp_path, home.environment).start("serve", "--port", "0")
    assert process.stderr is not None
    assert "palier answers" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()
