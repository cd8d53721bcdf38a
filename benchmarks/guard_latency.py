"""What guards take for a text of 500 tokens, on one core: rules, scope and injection together, and with grounding.

    python -m benchmarks.guard_latency

The whole process and the one that embeds are held to one core. Texts are stretches of the sample company's documents,
in French and English; guards look as in a route, through the encoder of the gateway. Nothing is remembered of a text
that was looked at before, neither vectors nor words nor where its sentences end: each looks alone, and then all together
as the pipeline asks them. Grounding looks at every sentence of the text at once, and,
shown apart, at one after the other, as they come on their way to a client; against the five passages of the company that
are nearest to the text's beginning, in whatever language, and hold nothing of the text itself. A policy that has examples
beside words embeds every sentence, and is shown apart.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.results import ROOT, keep
from palier import registry
from palier.config import Guard as Settings
from palier.guards import written
from palier.interfaces import Guard, Resources
from palier.interfaces.guarding import Context
from palier.jobs.pool import ProcessWorkers
from palier.pipeline.sentences import Sentences
from palier.retrieval import sentence_model
from palier.retrieval.chunking import split
from palier.retrieval.encoder import SentenceEncoder
from palier.text import windows
from palier.text.words import _tokens
from palier.training import scope
from palier.training.examples import Example, gathered

TOKENS, TEXTS, SEED = 500, 240, 3
PASSAGES, BEGINNING, SHARED = 5, 300, 120
"""Passages; characters of the text that they are looked up by; characters in common from which on one is the text's."""
WORDS = """
[[rules]]
name = "promises"
words = ["nous vous garantissons", "we guarantee"]
patterns = ["(?i)\\b(?:satisfait ou rembours[ée]|money back)\\b"]
"""
EXAMPLES = f"""{WORDS}
examples = ["Vous serez remboursé sans condition.", "You will get your money back whatever happens."]
"""
SUMS = ("rules, scope and injection", "with grounding", "grounding, sentence by sentence", "with that")
APART = ("policy with examples", "grounding")
FLOORS_MS = {"rules, scope and injection, p50": 15.0, "with grounding, p50": 150.0, "with grounding, p99": 400.0}


def documents() -> list[str]:
    """What the sample company has written."""
    folder = ROOT / "examples" / "armorique" / "documents"
    return [path.read_text("utf-8") for path in sorted(folder.rglob("*.md"))]


class Passages:
    """The passages of the company, and those that are near a text."""

    def __init__(self, written: Sequence[str]) -> None:
        self._texts = [passage.text for text in written for passage in split("", text)]
        self._vectors = sentence_model.embed(self._texts)

    def near(self, text: str) -> tuple[str, ...]:
        order = np.argsort(-(self._vectors @ sentence_model.embed([text[:BEGINNING]])[0]), kind="stable")
        others = (self._texts[n] for n in order if not _shares(self._texts[n], text))
        return tuple(islice(others, PASSAGES))


def _shares(passage: str, text: str) -> bool:
    return any(passage[at : at + SHARED] in text for at in range(0, max(len(passage) - SHARED, 1), 40))


async def texts(encoder: SentenceEncoder, source: str) -> list[str]:
    """Stretches of about `TOKENS` tokens of the encoder, that begin with a word."""
    chance = random.Random(SEED)
    parts = [source[at : at + 1_000] for at in range(0, 40_000, 1_000)]  # the encoder cuts what is longer
    each = sum(map(len, parts)) / sum(len(found) for found in await encoder.tokenize(parts))
    length = round(TOKENS * each)
    starts = [source.find(" ", chance.randrange(len(source) - length - 100)) + 1 for _ in range(TEXTS)]
    return [source[start : start + length] for start in starts]


def fitted(path: Path) -> None:
    rows = map(json.loads, (ROOT / "examples" / "armorique" / "messages.jsonl").read_text("utf-8").splitlines())
    examples = gathered(Example(text=row["text"], label=row["intent"]) for row in rows)
    path.write_bytes(scope.fit(examples, sentence_model.embed, sentence_model.name(), outside="out_of_scope").content)


def forget(encoder: SentenceEncoder) -> None:
    """What the gateway remembers of the last texts, so that a text is new to whoever looks at it next."""
    encoder.forget()
    for remembered in (_tokens, windows, written.read):
        remembered.cache_clear()


async def looked(guards: Sequence[Guard], text: str, context: Context) -> float:
    """Milliseconds until all have said something, asked at once as in a route."""
    started = time.perf_counter()
    await asyncio.gather(*(guard.check(text, context) for guard in guards))
    return (time.perf_counter() - started) * 1000


async def grounded(guard: Guard, text: str, context: Context) -> tuple[float, list[float]]:
    """Milliseconds of all sentences of the text, one after the other, and of each."""
    cut = Sentences()
    each = [await looked([guard], sentence, context) for sentence in (*cut.feed(text), *cut.end())]
    return sum(each), each


def quantiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{q}": round(float(np.quantile(values, q / 100)), 2) for q in (50, 90, 99)}


async def measured(folder: Path) -> dict[str, Any]:
    fitted(folder / "scope.head")
    (folder / "words.toml").write_text(WORDS)
    (folder / "examples.toml").write_text(EXAMPLES)
    workers = ProcessWorkers(1)
    try:
        encoder = SentenceEncoder(workers, workers.batch)
        resources = Resources(cast(Any, None), encoder, workers, folder, lambda name: folder / name)
        declared = {
            "form": Settings(kind="form", most=100_000, amounts="fr", dates="fr"),
            "policy": Settings(kind="policy", file="words.toml"),
            "policy with examples": Settings(kind="policy", file="examples.toml"),
            "toxicity": Settings(kind="toxicity"),
            "scope": Settings(kind="scope", file="scope.head"),
            "injection": Settings(kind="injection"),
            "grounding": Settings(kind="grounding"),
        }
        guards = {n: cast(Guard, registry.find("guards", s.kind)(n, s, resources)) for n, s in declared.items()}
        said = documents()
        passages = Passages(said)
        found: dict[str, list[float]] = {name: [] for name in (*guards, *SUMS)}
        sentence_ms: list[float] = []
        quick = [guard for name, guard in guards.items() if name not in APART]
        for number, text in enumerate(await texts(encoder, "\n".join(said))):
            near = passages.near(text)
            context = Context(place="draft", evidence=near, question="Combien coûte la fibre ?", language="fr")
            for name, guard in guards.items():
                if name != "grounding":
                    forget(encoder)
                    found[name].append(await looked([guard], text, context))
            forget(encoder)
            together = await looked(quick, text, context)
            found["rules, scope and injection"].append(together)
            forget(encoder)
            # One way for each text: passages that were read for the first would be known to the second.
            if number % 2:
                whole, each = await grounded(guards["grounding"], text, context)
                sentence_ms += each
                found["grounding, sentence by sentence"].append(whole)
                found["with that"].append(together + whole)
            else:
                whole = await looked([guards["grounding"]], text, context)
                found["grounding"].append(whole)
                found["with grounding"].append(together + whole)
    finally:
        await workers.close()
    figures: dict[str, Any] = {name: quantiles(values[10:]) for name, values in found.items()}
    figures["grounding, a sentence"] = quantiles(sentence_ms[100:])
    return figures


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measured(Path(folder)))
    together, grounding = figures["rules, scope and injection"], figures["with grounding"]
    keep(
        "guard_latency",
        {
            "what": f"milliseconds of guards for {TOKENS} tokens, on one core",
            "texts": TEXTS,
            "milliseconds": figures,
            "floors": FLOORS_MS,
            "holds": together["p50"] < 15 and grounding["p50"] < 150 and grounding["p99"] < 400,
        },
    )


if __name__ == "__main__":
    main()
