"""Each climb teaches, on the sample company: python examples/learn_demo.py (or: make learn-demo).

A desk sorts the messages of Armorique Télécom's customers. A head that knows 75 messages is sure of few, so most climb.
What climbed becomes lessons, a student is taught by them, the gate holds it against what answers now, and it takes its
place. Then lessons with shuffled labels come in, and the gate stops what they teach. Then a rollback: the first head
answers again, and decides as it did.

Every step is a command that is typed here as a person would, in .palier-learn. One thing is made up, and says so: the
large model is `stand_in.py`, which answers with the labels that the company's people gave.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
from demo import free_port, wait_until_ready
from learn_figures import Answer, Table, effect
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
COMPANY = ROOT / "examples" / "armorique"
ROUTE, MARGIN, SEED = "desk", 0.05, 7
FIRST = 3
"""Messages of each kind that the first head is taught."""
DECLARED = "http://127.0.0.1:8423/v1"
UNDER_WAY = re.compile(r"\s+\d+ of \d+, about ")
"""How far a command is, which a terminal shows in one line that goes."""
VERDICT = re.compile(r"(yes|no ) \w+ +")
"""How a test of the gate begins: its reason goes on under itself."""
GATE = 3
"""The exit status of a gate that did not pass."""

console = Console(highlight=False)


def laid_out(line: str, indent: str, *, room: int = 0) -> list[str]:
    """`line` as wide as the terminal is; what goes on begins after `indent`. `room`: columns that are left free."""
    return textwrap.wrap(
        line,
        max(console.width - room, 40),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    ) or [""]


def say(line: str, style: str = "") -> None:
    """What a command says, or what is to be said of it: what goes on stands under its words."""
    under = VERDICT.match(line)
    for piece in laid_out(line, " " * (under.end() if under else 2), room=4):
        console.print(Text(f"    {piece}", style=style), soft_wrap=True)


class NotShown(Exception):
    """What was to be shown did not come."""


def shown(what: str, *, holds: bool) -> None:
    """Tick it off. Raises `NotShown`."""
    first, *rest = laid_out(what, "", room=4)
    console.print(Text.assemble(("  ✓ ", "green") if holds else ("  ✗ ", "red"), first), soft_wrap=True)
    for line in rest:
        console.print(Text(f"    {line}"), soft_wrap=True)
    if not holds:
        raise NotShown(what)


# --- the messages ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Messages:
    """The messages of the sample company within its 25 intents: those a person sorted first, traffic, and a holdout."""

    first: tuple[dict[str, Any], ...]
    traffic: tuple[dict[str, Any], ...]
    holdout: tuple[dict[str, Any], ...]

    @classmethod
    def read(cls, traffic: int | None = None, holdout: int | None = None) -> Messages:
        """As `messages.jsonl` splits them; of its training part three of each intent are the first ones.

        Where less is wanted, the first `traffic` and `holdout` of the others.
        """
        lines = (COMPANY / "messages.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [row for row in map(json.loads, lines) if row["intent"] != "out_of_scope"]
        taught: dict[str, int] = {}
        first, later = [], []
        for row in (row for row in rows if row["split"] == "train"):
            taught[row["intent"]] = taught.get(row["intent"], 0) + 1
            (first if taught[row["intent"]] <= FIRST else later).append(row)
        held = [row for row in rows if row["split"] == "holdout"]
        return cls(tuple(first), tuple(later[:traffic]), tuple(held[:holdout]))


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def lessons(rows: Sequence[dict[str, Any]], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Lines for `palier lessons import`."""
    return [
        {"question": row["text"], "answer": label, "label": "internal", "language": row["language"]}
        for row, label in zip(rows, labels, strict=True)
    ]


def shuffled(labels: Sequence[str], *, kinds: bool) -> list[str]:
    """Labels in another order. `kinds`: each kind is called by another's name, all its messages alike."""
    mixed = list(labels)
    random.Random(SEED).shuffle(mixed)
    if not kinds:
        return mixed
    names = list(dict.fromkeys(mixed))
    others = dict(zip(names, names[1:] + names[:1], strict=True))
    return [others[label] for label in labels]


# --- the desk ----------------------------------------------------------------------------------------------------------


class Desk:
    """A folder with the desk's settings, what is typed in it, and the gateway that runs there."""

    def __init__(self, folder: Path, messages: Messages, *, kinds: bool = False) -> None:
        """`kinds`: the poisoned labels are shuffled kind by kind."""
        self.folder = folder
        self.messages = messages
        self._kinds = kinds
        self.port = free_port()

    def lay_out(self, large: str) -> None:
        """The folder as it is before anything was learnt. `large`: the URL of the stand-in.

        Raises `NotShown` for a folder that holds something else: this one is emptied.
        """
        if self.folder.is_dir() and any(self.folder.iterdir()):
            if not (self.folder / "shuffled.jsonl").is_file():
                raise NotShown(
                    f"{self.folder} is not empty, and no demonstration was made there: name another --folder"
                )
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = (COMPANY / "desk.toml").read_text(encoding="utf-8")
        (self.folder / "palier.toml").write_text(settings.replace(DECLARED, large), encoding="utf-8")
        first, traffic = self.messages.first, self.messages.traffic
        write_lines(self.folder / "first.jsonl", [{"text": m["text"], "label": m["intent"]} for m in first])
        write_lines(self.folder / "sorted.jsonl", lessons(first, [m["intent"] for m in first]))
        labels = shuffled([m["intent"] for m in traffic], kinds=self._kinds)
        write_lines(self.folder / "shuffled.jsonl", lessons(traffic, labels))
        cases = [
            {"id": m["id"], "input": m["text"], "reference": m["intent"], "split": "holdout"}
            for m in self.messages.holdout
        ]
        write_lines(self.folder / "suite" / "cases.jsonl", cases)
        (self.folder / "suite" / "suite.toml").write_text(
            f'name = "{ROUTE}"\ntask = "classification"\nroute = "{ROUTE}"\n'
        )

    def type(self, *arguments: str, status: int = 0) -> str:
        """Run `palier`, and show the command and what it says. Raises `NotShown` for another exit status."""
        console.print()
        *begun, last = laid_out(f"$ palier {shlex.join(arguments)}", "      ", room=4)
        for line in (*(f"{line} \\" for line in begun), last):
            console.print(Text(f"  {line}", style="bold"), soft_wrap=True)
        done = self.run(*arguments, stderr=subprocess.STDOUT)
        for line in done.stdout.rstrip().splitlines():
            if not UNDER_WAY.match(line):
                say(line)
        if done.returncode != status:
            raise NotShown(f"palier {arguments[0]} ended with {done.returncode}, and not with {status}")
        if status:
            console.print(Text(f"    (exit status {status})", style="dim"))
        return done.stdout

    def run(self, *arguments: str, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if name != "PALIER_CONFIG"}
        return subprocess.run(
            [sys.executable, "-m", "palier", *arguments],
            cwd=self.folder,
            env={**kept, "COLUMNS": str(console.width - 4), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            check=False,
        )

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """A gateway over the folder. It stops when its standard input closes: it cannot outlive this process."""
        console.print(Text(f"\n  $ palier serve --port {self.port} &", style="bold"))
        log = self.folder / "gateway.log"
        command = [sys.executable, "-m", "palier", "serve", "--port", str(self.port), "--until-eof"]
        with log.open("wb") as errors, child(command, cwd=self.folder, stderr=errors) as gateway:
            wait_until_ready(gateway, f"http://127.0.0.1:{self.port}/readyz", log)
            yield

    def ask(self, messages: Sequence[dict[str, Any]]) -> list[Answer]:
        """What the gateway answers to each, over the OpenAI API, four at once and at temperature 0."""
        key = (self.folder / "data" / "key").read_text().strip()
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key=key, max_retries=0)

        def one(message: dict[str, Any]) -> Answer:
            reply = client.chat.completions.create(
                model=ROUTE, messages=[{"role": "user", "content": message["text"]}], temperature=0
            )
            report = (reply.model_extra or {})["palier"]
            return Answer(message["id"], message["intent"], reply.choices[0].message.content or "", report)

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(one, messages))

    def live(self) -> dict[str, str]:
        """The versions that answer, and the SHA-256 of the files of each."""
        rows = [json.loads(line) for line in self.run("versions", "--json").stdout.splitlines()]
        return {row["id"]: row["files"]["student.head"] for row in rows if row["state"] == "live"}

    def own(self) -> str:
        """The SHA-256 of the route's own head."""
        return hashlib.sha256((self.folder / "first.head").read_bytes()).hexdigest()


@contextlib.contextmanager
def child(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends when its standard input closes."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, **options) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def large_model() -> Iterator[str]:
    """The stand-in for a large model; its URL."""
    with child([sys.executable, str(ROOT / "examples" / "stand_in.py")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()


# --- the steps ---------------------------------------------------------------------------------------------------------


def headline(number: int, words: str) -> None:
    console.print()
    console.print(Rule(Text.assemble((f"{number} ", "bold cyan"), words), align="left"))


def round_0(desk: Desk) -> list[Answer]:
    """The first head sorts a day's messages; what it is not sure of climbs. Returns what was decided."""
    traffic = desk.messages.traffic
    answers = desk.ask(traffic)
    climbed = sum(one.climbed for one in answers)
    say(f"{len(traffic)} messages of customers, over the OpenAI API (the `openai` client):")
    say(f"{len(traffic) - climbed} sorted at home, {climbed} climbed ({climbed / len(traffic):.0%})")
    desk.type("traces", "--limit", "4")
    desk.type("traces", "show", next(one.report["trace"] for one in reversed(answers) if one.climbed))
    shown("most of what comes in climbs, and every climb is recorded", holds=climbed > len(traffic) / 2)
    return answers


def learn(desk: Desk, margin: float) -> None:
    """What climbed is taught, judged, and put to work."""
    desk.type("lessons", "import", ROUTE, "sorted.jsonl", "--accept", "--as", "ann")
    desk.type("learn", ROUTE, "--suite", "suite", "--margin", f"{margin:g}", "--as", "ann")
    desk.type("versions", ROUTE)
    shown("a student was taught, passed the gate, and answers", holds=len(desk.live()) == 1)


def show_effect(table: Table, margin: float) -> None:
    say(f"the {table.cases} messages of the holdout, asked of the gateway before and after:")
    console.print()
    console.print(table.rich(console.width))
    console.print()
    for note in table.notes:
        say(note, "dim")
    shown(f"climbing fell by {table.fall:.0%}: at least by half", holds=table.fall >= 0.5)
    words = f"quality is not worse by {margin * 100:g} points: {table.quality}"
    shown(words, holds=table.worst > -margin)


def poison(desk: Desk, margin: float, before: list[Answer]) -> None:
    """Lessons whose labels were shuffled: a column of a spreadsheet that was sorted without the other."""
    live = desk.live()
    desk.type("lessons", "import", ROUTE, "shuffled.jsonl", "--accept", "--as", "mallory")
    desk.type("learn", ROUTE, "--suite", "suite", "--margin", f"{margin:g}", "--as", "mallory", status=GATE)
    desk.type("versions", ROUTE)
    shown("the gate stopped what shuffled labels taught", holds=desk.live() == live)
    after = desk.ask(desk.messages.holdout)
    same = [one.decided for one in after] == [one.decided for one in before]
    shown("what answers is untouched: the same decisions on the holdout", holds=same)


def roll_back(desk: Desk, first: list[Answer], own: str) -> None:
    """The first head again: the same file, and the same decisions on everything that round 0 was asked."""
    desk.type("rollback", ROUTE, "--as", "ann")
    again = desk.ask(desk.messages.traffic)
    say(f"the {len(again)} messages of round 0 once more, at temperature 0:")
    say("SHA-256 of all decisions, and of the head")
    for name, answers, head in (("then", first, own), ("now", again, desk.own())):
        say(f"{name:<5}{digest(answers)[:32]}...  {head[:16]}...")
    apart = max(abs(one.confidence - other.confidence) for one, other in zip(first, again, strict=True))
    say(f"confidences differ by at most {apart:.0e}: what comes at the same moment is embedded together")
    shown("the route's own head answers, the file it was", holds=not desk.live() and desk.own() == own)
    same = [one.decided for one in first] == [one.decided for one in again]
    shown("every decision of round 0 is the same again", holds=same)


def digest(answers: Sequence[Answer]) -> str:
    return hashlib.sha256(json.dumps([one.decided for one in answers]).encode()).hexdigest()


def demonstrate(desk: Desk, margin: float) -> Table:
    headline(1, "round 0: a head that was taught by few messages, and a large model above it")
    first = ("distill", "--student", "head", "--examples", "first.jsonl", "-o", "first.head", "--licence", "Apache-2.0")
    desk.type(*first)
    own = desk.own()
    with desk.serving():
        decided = round_0(desk)
        before = desk.ask(desk.messages.holdout)
        headline(2, "each climb is a lesson: harvest, teach, judge, promote")
        learn(desk, margin)
        headline(3, "what it changed")
        after = desk.ask(desk.messages.holdout)
        table = effect(before, after)
        show_effect(table, margin)
        headline(4, "lessons with shuffled labels are stopped")
        poison(desk, margin, after)
        headline(5, "and the way back")
        roll_back(desk, decided, own)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / ".palier-learn", help="where it happens; emptied first")
    parser.add_argument("--traffic", type=int, help="messages of round 0 (all 725)")
    parser.add_argument("--holdout", type=int, help="messages that judge (all 400)")
    parser.add_argument(
        "--kinds", action="store_true", help="shuffle the poisoned labels kind by kind, not line by line"
    )
    parser.add_argument("--margin", type=float, default=MARGIN, help="how much worse counts as not worse (0.05)")
    parser.add_argument("--figures", type=Path, help="write the figures as JSON")
    given = parser.parse_args()
    started = time.perf_counter()
    desk = Desk(given.folder.resolve(), Messages.read(given.traffic, given.holdout), kinds=given.kinds)
    console.print(
        Text.assemble(("\nArmorique Télécom", "bold"), ", an invented operator, sorts its customers' messages")
    )
    say("the large model is a stand-in: it answers with the labels that the company's people gave")
    try:
        with large_model() as url:
            desk.lay_out(url)
            table = demonstrate(desk, given.margin)
    except NotShown as error:
        sys.exit(f"not shown: {error} (everything is in {desk.folder})")
    took = time.perf_counter() - started
    if given.figures:
        given.figures.write_text(json.dumps({**table.figures(), "seconds": round(took, 1)}, indent=2) + "\n")
    console.print(Text(f"\n  done in {took:.0f} s; everything is in {desk.folder.name}\n", style="dim"))


if __name__ == "__main__":
    main()
