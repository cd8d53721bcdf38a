"""The whole product on the sample company: python examples/demo.py (or: make demo).

Ingests the documents of Armorique Télécom, starts the gateway on loopback, asks it five questions through the official
`openai` client, shows which landing answered each and why, and stops. The second time only what changed is ingested.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import openai
from rich.console import Console
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from palier import Palier
from palier.config import Settings, load
from palier.ingest import Options, Outcome
from palier.ingest import ingest as bring_in
from palier.server.remote import RemotePalier
from palier.stores.folder import DataFolder
from palier.types import Label

ROOT = Path(__file__).resolve().parent.parent
COMPANY = ROOT / "examples" / "armorique"
CONFIG = COMPANY / "palier.toml"
START_TIMEOUT_S = 60.0

console = Console(highlight=False)


@dataclass(frozen=True)
class Question:
    """A question of the demo, and what it shows."""

    shows: str
    text: str
    stream: bool = False


QUESTIONS = (
    Question("answered at home, by a quotation", "J'ai perdu la télécommande du décodeur, c'est combien ?"),
    Question("answered at home, in English, streamed", "Is an eSIM free?", stream=True),
    Question(
        "not good enough at home: it climbs, to a recorded teacher",
        "Combien de jours pour renvoyer le matériel selon que je résilie, que je me rétracte ou que j'échange ?",
        stream=True,
    ),
    Question("may not climb: what answers it is restricted", "Que reproche Mme Quiniou à notre conseiller ?"),
    Question("nothing can answer it", "Do you insure bicycles against theft?"),
)


# --- the steps -----------------------------------------------------------------------------------------------------


async def ingest(settings: Settings) -> None:
    """Bring the collection up to date with the folders; each folder's name is the label of its documents."""
    documents = COMPANY / "documents"
    started = time.perf_counter()
    async with Palier.open(settings) as palier:
        with Progress(
            TextColumn("  {task.description:<13}"), BarColumn(), MofNCompleteColumn(), console=console
        ) as bars:
            for label in Label:
                bar = bars.add_task(label, total=None)
                options = Options(collection="armorique", label=label, prune=True, root=str(documents))
                report = partial(show_progress, bars, bar)
                summary = await bring_in(palier, palier.workers.batch, [documents / label], options, report=report)
                if summary.failed:
                    sys.exit(f"{summary.failures}")
        (found,) = await palier.list_collections()
    took = time.perf_counter() - started
    words = f"{found['documents']} documents, {found['passages']} passages, in {took:.1f} s"
    console.print(Text.assemble(("  ✓ ", "green"), words))


def show_progress(bars: Progress, bar: TaskID, outcome: Outcome) -> None:
    bars.update(bar, completed=min(outcome.done + 1, outcome.total), total=outcome.total)


@contextlib.contextmanager
def gateway(port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A gateway in a child process. It stops when its standard input closes: it cannot outlive this one."""
    command = [sys.executable, "-m", "palier", "serve", "--config", str(CONFIG), "--port", str(port), "--until-eof"]
    with log.open("wb") as errors, subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors) as child:
        try:
            wait_until_ready(child, f"http://127.0.0.1:{port}/readyz", log)
            yield child
        finally:
            assert child.stdin is not None
            child.stdin.close()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()


def wait_until_ready(child: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as reply:
            if reply.status == 200:
                return
        time.sleep(0.05)
    sys.exit(f"the gateway did not start; its log says:\n{log.read_text(errors='replace')[-3000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- asking and showing --------------------------------------------------------------------------------------------


def ask(client: openai.OpenAI, question: Question) -> dict[str, Any]:
    """Print the answer as it comes; returns the `palier` object, which says where it came from."""
    messages = [{"role": "user", "content": question.text}]
    answer, report = Text(), {}
    with Live(Padding(answer, (0, 4)), console=console, refresh_per_second=20):
        if question.stream:
            for chunk in client.chat.completions.create(model="support", messages=messages, temperature=0, stream=True):
                report = (chunk.model_extra or {}).get("palier", report)
                for choice in chunk.choices:
                    answer.append(choice.delta.content or "")
        else:
            response = client.chat.completions.create(model="support", messages=messages, temperature=0)
            report = response.model_extra["palier"]
            answer.append(response.choices[0].message.content or "")
    return report


def show_way(report: dict[str, Any], titles: dict[str, str], drafts: dict[str, str]) -> None:
    """The staircase the question took: who was asked, what each wrote, what was decided and why; then the sources."""
    console.print()
    for stair, step in zip("▁▃▅▇█", report["steps"], strict=False):
        model = titles.get(step["model"], step["model"])
        mark, style = MARKS.get(step["outcome"], ("✗", "red"))
        took = f" · {step['latency_ms']:.0f} ms" if step["latency_ms"] else ""
        words = f"{step['outcome']}: {step['reason']}{took}"
        show_hanging(Text.assemble((stair, "cyan"), " ", (mark, style), f" {model:<16}"), Text(words, style="dim"))
        if step["outcome"] == "climbed" and (draft := " ".join(drafts.get(step["tier"], "").split())):
            shown = draft if len(draft) <= 90 else draft[:90] + "…"
            console.print(Padding(Text(f"not good enough: “{shown}”", style="dim italic"), (0, 0, 0, 8)))
    if report["tier"] is None:
        console.print(Text("    ◦ nobody else may or can: an honest abstention", style="magenta"))
    for source in distinct(report["sources"]):
        title = Text.assemble((source["title"] or source["document"], "blue"), (f" · {source['label']}", "dim"))
        show_hanging(Text(f"[{source['n']}]", style="blue"), title)
    confidence = "none" if report["confidence"] is None else f"{report['confidence']:.2f}"
    figures = (
        f"    tier {report['tier'] or '-'} · confidence {confidence}, not calibrated"
        f" · {report['timings']['total_ms']:.0f} ms"
    )
    console.print(Text(figures, style="bold"))


def show_hanging(head: Text, words: Text) -> None:
    """A line whose continuation, on a narrow terminal, stands under its words."""
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column(no_wrap=True)
    line.add_row(head, words)
    console.print(Padding(line, (0, 0, 0, 4)))


def distinct(sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The documents that were cited, or the first that were found, each once."""
    shown = [source for source in sources if source["cited"]] or sources
    return list({source["document"]: source for source in reversed(shown)}.values())[::-1][:3]


MARKS = {"answered": ("✓", "bold green"), "climbed": ("↑", "yellow"), "skipped": ("·", "dim")}


async def drafts_of(settings: Settings, trace: str) -> dict[str, str]:
    """What each tier wrote, which only the gateway's own records say."""
    gateway = await RemotePalier.connect(DataFolder(settings.folder).admin_socket)
    recorded = await gateway.traces.get(trace) if gateway else None
    return recorded.content.drafts if recorded and recorded.content else {}


def ask_all(settings: Settings, port: int) -> None:
    """The five questions, in turn."""
    key = DataFolder(settings.folder).access_key()
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0)
    titles = {name: model.title or name for name, model in settings.models.items()}
    for number, question in enumerate(QUESTIONS, 1):
        console.print()
        console.print(Rule(Text.assemble((f"{number} ", "bold cyan"), (question.shows, "dim")), align="left"))
        console.print(Padding(Text(question.text, style="bold"), (1, 2)))
        report = ask(client, question)
        show_way(report, titles, asyncio.run(drafts_of(settings, report["trace"])))


def say_what_next() -> None:
    config = CONFIG.relative_to(Path.cwd()) if CONFIG.is_relative_to(Path.cwd()) else CONFIG
    palier = Path(sys.executable).with_name("palier")
    palier = palier.relative_to(Path.cwd()) if palier.is_relative_to(Path.cwd()) else palier
    console.print()
    console.print(Rule(Text("what to type next", style="bold"), align="left"))
    for command, meaning in (
        (f"export PALIER_CONFIG={shlex.quote(str(config))}", "the settings of the sample company"),
        (f'{palier} ask "Combien consomme la Box Menhir 6 ?"', "a question of yours"),
        (f"{palier} traces", "what was asked, who answered and why"),
        (f"{palier} serve", "answer applications, over the OpenAI API"),
        (f"{palier} doctor", "check everything"),
    ):
        console.print(Text(f"  # {meaning}", style="dim"))
        console.print(Text(f"  {command}", style="bold"), soft_wrap=True)


def main() -> None:
    started = time.perf_counter()
    settings = load(CONFIG)
    console.print(Text.assemble(("\nArmorique Télécom", "bold"), ", an invented operator, asks its own documents\n"))
    asyncio.run(ingest(settings))
    port = free_port()
    with gateway(port, settings.folder / "demo-gateway.log"):
        console.print(Text.assemble(("  ✓ ", "green"), f"gateway on http://127.0.0.1:{port}/v1"))
        ask_all(settings, port)
    say_what_next()
    console.print(Text(f"\n  done in {time.perf_counter() - started:.1f} s\n", style="dim"))


if __name__ == "__main__":
    main()
