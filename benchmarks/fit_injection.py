"""Fit what the guard `injection` knows, and write it into the package.

    python -m benchmarks.fit_injection --data FOLDER

Taught are the texts of `data/injection.jsonl`, the sample company's messages and documents (as what is harmless), the
attacks of BIPIA (MIT), the prompts of HarmBench (MIT) and of XSTest (CC BY 4.0). Two heads, one for messages and one for
passages, each with a smaller one before it that reads words alone and lets most of a clean text through. Limits are set
on texts that were not taught: families of attacks are left out whole. Measured by benchmarks/injection.py, which teaches
its heads by the functions of this file.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.results import ROOT, data_folder
from palier.guards import disguise, injection, signs
from palier.heads.file import FORMAT, Header, Trained, dump, products
from palier.interfaces import Vectors
from palier.retrieval import sentence_model
from palier.training import softmax
from palier.training.softmax import Rows
from palier.types import GuardPlace

TEXTS = ROOT / "benchmarks" / "data" / "injection.jsonl"
ARMORIQUE = ROOT / "examples" / "armorique"
FITTED = Path(signs.__file__).parent / "fitted"
DATE = "2026-11-26"
LICENCE = (
    "Apache-2.0. Fitted to texts of this project, and to the train attacks of BIPIA (MIT, Microsoft), to prompts of"
    " HarmBench (MIT, Center for AI Safety) and of XSTest (CC BY 4.0, Röttger et al., 2024); no text of them is in it"
)
HOSTILE = frozenset({"m0130", "m0146", "m0724", "m1034", "m1169", "m1260", "m1266"})
"""Messages to the sample company that are attacks, or plainly harmful: nothing to teach as harmless."""
PASSAGES_ONLY = frozenset(
    {"advertise", "scam", "falsify", "rank", "download", "insert_code", "code_payload", "sleeper"}
)
"""Families of which a user may say such things; only in a passage are they attacks."""
ALIKE = {
    "ask": "ask_fact ask_teach Information_Retrieval Learning_and_Tutoring",
    "write": "ask_write chores Content_Creation",
    "translate": "ask_translate switch Language_Translation",
    "program": "ask_code Programming_Help",
    "letters": "letters_changed coded_reply style encoded Alphanumeric_Substitution Homophonic_Substitution"
    " Misspelling_Intentionally Anagramming Space_Removal_&_Grouping",
    "add": "add_sentence Instruction",
    "invite": "invite advertise Social_Interaction",
    "persuade": "persuade Persuasion",
    "tease": "tease Clickbait",
    "download": "download scam Malware_Distribution",
    "code": "insert_code code_payload Cookie_Theft Memory_Scanning Dumpster_Diving Environment_Variable_Analysis"
    " Device_and_Driver_Enumeration Sending_Out_Spam_Emails Crippling_Critical_Infrastructures Network_Propagation"
    " Exploiting_System_Vulnerabilities Cryptocurrency_Mining",
}
"""Families of the project and types of BIPIA that are much alike: the strictest figures leave out all of a kind."""
LABELS = {"direct": ("attack", "harm", "plain", "task"), "indirect": ("attack", "plain", "task")}
BAD = {"direct": ("attack", "harm"), "indirect": ("attack", "task")}
RIDGE, AXES, PRODUCTS = 0.1, 24, 0.08
FOLDS = 6
DRAWS = 5
"""Ways of drawing the parts: limits, which few texts decide, are means over them, and so are the figures."""
SAFE_HARM, SAFE_ATTACK, MESSAGES, SENTENCES = 0.036, 0.01, 0.008, 0.0025
"""What may be refused wrongly where limits are set: of XSTest's safe prompts under each label, of the sample company's
messages under each, and of sentences of its documents."""
SUSPECTS = 0.08
"""The share of clean sentences that the first head hands to the second."""

Floats = NDArray[np.float64]


class Row(NamedTuple):
    """A text, what it is, and what must stay together when some are left out."""

    text: str
    label: str
    source: str
    family: str
    language: str
    pair: str
    where: str = ""
    whole: str = ""
    """The text that this is a sentence of."""
    role: str = "both"
    """`taught`, `judged` or `both`."""


# --- the texts -------------------------------------------------------------------------------------------------------


def lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def own() -> Iterator[Row]:
    for row in lines(TEXTS):
        for language in ("en", "fr"):
            yield Row(row[language], row["label"], "own", row["family"], language, row["en"], row.get("where", ""))


def messages() -> Iterator[Row]:
    for row in lines(ARMORIQUE / "messages.jsonl"):
        label = "hostile" if row["id"] in HOSTILE else "plain"
        yield Row(row["text"], label, "messages", row["intent"], row["language"], row["text"])


def documents() -> Iterator[tuple[str, str, str]]:
    """(name, language, text) of those of the sample company's documents that are text."""
    for path in sorted((ARMORIQUE / "documents").rglob("*")):
        if path.suffix in {".md", ".txt", ".csv", ".jsonl", ".html"}:
            text = path.read_text("utf-8")
            yield path.name, "fr" if "/fr/" in path.as_posix() else "en", text


def passages() -> Iterator[Row]:
    for name, language, text in documents():
        for reading in disguise.readings(text):
            yield Row(reading.text, "plain", "documents", name, language, name)


def bipia(folder: Path) -> Iterator[Row]:
    for kind in ("text", "code"):
        found: dict[str, list[str]] = json.loads((folder / "bipia" / f"{kind}_attack_train.json").read_text("utf-8"))
        for family, texts in found.items():
            for text in texts:
                label = "task" if kind == "text" else "attack"
                said = text if kind == "text" else text.split("\n")[0]
                yield Row(said, label, f"bipia_{kind}", f"bipia {family}", "en", said)


def xstest(folder: Path) -> Iterator[Row]:
    for row in lines(folder / "xstest" / "dev.jsonl.gz"):
        kind = row["type"].removeprefix("contrast_")
        label = "plain" if row["label"] == "safe" else "harm"
        yield Row(row["prompt"], label, "xstest", f"xstest {kind}", "en", row["prompt"])


def requests(folder: Path) -> Iterator[Row]:
    for row in lines(folder / "harmful_requests" / "dev.jsonl.gz"):
        family = f"{row['source']} {row['category'] or ''}".strip()
        yield Row(row["prompt"], "harm", row["source"], family, "en", row["prompt"])


def texts(place: str, folder: Path) -> list[Row]:
    """What a head of this place may be taught; also what it is only judged by (`advbench`, `hostile`)."""
    if place == "direct":
        rows = [row for row in own() if row.family not in PASSAGES_ONLY]
        rows += [*messages(), *xstest(folder), *requests(folder), *(r for r in bipia(folder) if r.label == "task")]
    else:
        rows = [*(row for row in own() if row.label != "harm"), *passages(), *bipia(folder)]
    return [part for row in rows for part in as_read(row, "input" if place == "direct" else "evidence")]


def as_read(row: Row, place: GuardPlace) -> list[Row]:
    """As the guard reads it. A sentence of several may be harmless in an attack: then the whole is taught, not those."""
    found = list(dict.fromkeys(reading.text for reading in injection.read(row.text, place))) or [row.text]
    if len(found) == 1 or row.label == "plain":
        return [row._replace(text=text, whole=row.text) for text in found]
    judged = [row._replace(text=text, whole=row.text, role="judged") for text in found]
    return [row._replace(whole=row.text, role="taught"), *judged]


# --- the fit ---------------------------------------------------------------------------------------------------------


@dataclass
class Table:
    """Rows as they are read, and the part of each: families of attacks whole, pairs together."""

    place: str
    rows: list[Row]
    vectors: Vectors
    part: NDArray[np.intp]

    def where(self, test: Callable[[Row], bool]) -> NDArray[np.bool_]:
        return np.array([test(row) for row in self.rows])

    @property
    def y(self) -> NDArray[np.intp]:
        known = LABELS[self.place]
        return np.array([known.index(row.label) if row.label in known else -1 for row in self.rows], np.intp)

    @property
    def taught(self) -> NDArray[np.bool_]:
        known = LABELS[self.place]
        return self.where(lambda row: row.label in known and row.source != "advbench" and row.role != "judged")

    def by_text(self, values: NDArray[Any]) -> tuple[list[Row], NDArray[Any]]:
        """The texts that are judged, each with the highest of its sentences' values."""
        best: dict[tuple[str, str, str], int] = {}
        for number, row in enumerate(self.rows):
            key = (row.source, row.family, row.whole)
            if row.role != "taught" and (key not in best or values[number] > values[best[key]]):
                best[key] = number
        return [self.rows[number] for number in best.values()], values[list(best.values())]


_SEEN: dict[str, Vectors] = {}


def embed(said: Sequence[str]) -> Vectors:
    """Embedding and signs, side by side; each text once."""
    new = [text for text in dict.fromkeys(said) if text not in _SEEN]
    for at in range(0, len(new), 64):
        some = new[at : at + 64]
        _SEEN.update(zip(some, np.concatenate([sentence_model.embed(some), signs.read(some)], axis=1), strict=True))
    return np.stack([_SEEN[text] for text in said])


def table(place: str, rows: list[Row], *, draw: int = 0, types_whole: bool = False, alike: bool = False) -> Table:
    """`types_whole`: the types of XSTest and the categories of HarmBench are left out whole, too; `alike`: all of a
    kind of `ALIKE`.
    """
    kinds = {name.replace("_", " "): kind for kind, names in ALIKE.items() for name in names.split()} if alike else {}

    def family(row: Row) -> str:
        return kinds.get(row.family.removeprefix("bipia ").replace("_", " "), row.family)

    whole = sorted({family(row) for row in rows if _whole(row, types_whole)})
    order = np.random.default_rng(draw).permutation(len(whole))
    part = {name: int(place) % FOLDS for name, place in zip(whole, order, strict=True)}
    parts = [
        part[family(row)] if _whole(row, types_whole) else zlib.crc32(f"{draw}{row.pair}".encode()) % FOLDS
        for row in rows
    ]
    return Table(place, rows, embed([row.text for row in rows]), np.array(parts, np.intp))


def _whole(row: Row, types_whole: bool) -> bool:
    if row.source in ("xstest", "harmbench"):
        return types_whole
    return row.label not in ("plain", "hostile") and row.source != "advbench"


@dataclass
class Fit:
    """Coefficients (width + 1, labels) on vectors and products, the axes of those, and the first head's on signs."""

    place: str
    axes: NDArray[np.float32]
    weights: NDArray[np.float32]
    first: NDArray[np.float32]

    def scores(self, vectors: Vectors) -> dict[str, Floats]:
        """Of each bad label, its linear score above what speaks for the harmless ones."""
        columns = Rows(np.concatenate([vectors, products(vectors, self.axes)], axis=1), None)
        return above(self.place, softmax.scores(columns, self.weights).astype(np.float64))

    def suspicion(self, vectors: Vectors) -> Floats:
        """The first head's log-odds that it is bad, from signs alone."""
        linear = softmax.scores(Rows(vectors[:, -signs.dimension() :], None), self.first).astype(np.float64)
        return linear[:, 1] - linear[:, 0]


def above(place: str, linear: Floats) -> dict[str, Floats]:
    """Linear scores (n, labels) to log-odds of each bad label against the others that are harmless."""
    known = LABELS[place]
    rest = np.logaddexp.reduce(linear[:, [n for n, label in enumerate(known) if label not in BAD[place]]], axis=1)
    return {label: linear[:, known.index(label)] - rest for label in BAD[place]}


def fit(found: Table, among: NDArray[np.intp]) -> Fit:
    """Taught by the rows `among`."""
    vectors, y = found.vectors[among], found.y[among]
    width = vectors.shape[1] - signs.dimension()
    axes = np.zeros((vectors.shape[1], AXES), np.float32)
    mean = vectors[:, :width].mean(axis=0)
    centred = vectors[:, :width] - mean
    directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :AXES]
    axes[:width] = directions * (np.sqrt(PRODUCTS) / (centred @ directions).std(axis=0))
    axes[width] = -mean @ axes[:width]  # the constant among the signs
    columns = Rows(np.concatenate([vectors, products(vectors, axes)], axis=1), None)
    weights = softmax.fit(columns, y, len(LABELS[found.place]), RIDGE)
    bad = np.isin(y, [LABELS[found.place].index(label) for label in BAD[found.place]])
    first = softmax.fit(Rows(vectors[:, width:], None), bad.astype(np.intp), 2, RIDGE)
    return Fit(found.place, axes, weights, first)


def left_out(found: Table, done: Callable[[str], None] = lambda _: None) -> tuple[dict[str, Floats], Floats]:
    """Scores of every row by heads that were not taught its part, and the first head's suspicion."""
    scores = {label: np.zeros(len(found.rows)) for label in BAD[found.place]}
    suspicion = np.zeros(len(found.rows))
    for part in np.unique(found.part):
        done(f"{found.place}: part {part}")
        left = found.part == part
        one = fit(found, np.flatnonzero(found.taught & ~left))
        for label, values in one.scores(found.vectors[left]).items():
            scores[label][left] = values
        suspicion[left] = one.suspicion(found.vectors[left])
    return scores, suspicion


def joint(found: Table, scores: dict[str, Floats]) -> dict[str, Floats]:
    """What limits are set on: in a message each label, in a passage both together."""
    if found.place == "indirect":
        return {"planted": np.logaddexp(scores["attack"], scores["task"])}
    return scores


def limits(found: Table, scores: dict[str, Floats], without: int = -1) -> dict[str, float]:
    """From which score on a label is believed, by what is harmless; rows of the part `without` have no say."""

    def quantile(source: str, share: float, label: str) -> float:
        rows, values = found.by_text(np.where(found.part == without, -np.inf, joint(found, scores)[label]))
        those = [row.source == source and row.label == "plain" for row in rows]
        clean = values[np.array(those) & np.isfinite(values)]
        return float(np.quantile(clean, 1 - share, method="higher"))

    if found.place == "indirect":
        return {"planted": quantile("documents", SENTENCES, "planted")}
    return {
        "attack": max(quantile("xstest", SAFE_ATTACK, "attack"), quantile("messages", MESSAGES, "attack")),
        "harm": max(quantile("xstest", SAFE_HARM, "harm"), quantile("messages", MESSAGES, "harm")),
    }


def first_limit(found: Table, suspicion: Floats) -> float:
    """From which suspicion on a sentence is looked at closely."""
    source = "messages" if found.place == "direct" else "documents"
    clean = found.where(lambda row: row.source == source and row.label == "plain")
    return float(np.quantile(suspicion[clean], 1 - SUSPECTS))


def caught(found: Table, scores: dict[str, Floats], limit: dict[str, float]) -> NDArray[np.bool_]:
    """Whether each row does not pass."""
    held = joint(found, scores)
    return np.asarray(np.any([held[label] > value for label, value in limit.items()], axis=0))


# --- the files -------------------------------------------------------------------------------------------------------


def files(found: Table, one: Fit, limit: dict[str, float], suspect: float) -> dict[str, bytes]:
    """The two heads, their limits in the intercepts: from a probability of one half on, a text is bad."""
    known = LABELS[found.place]
    rows = [row for row, taught in zip(found.rows, found.taught, strict=True) if taught]
    counts = Counter(row.label for row in rows)
    digest = hashlib.sha256(b"".join(sorted(msgspec.json.encode((row.text, row.label)) + b"\n" for row in rows)))
    trained = Trained(
        examples=len(rows),
        digest=digest.hexdigest(),
        counts=tuple(counts[label] for label in known),
        date=DATE,
        licence=LICENCE,
        source="python -m benchmarks.fit_injection",
    )
    width = found.vectors.shape[1]
    bias = one.weights[-1].copy()
    for label in BAD[found.place]:
        bias[known.index(label)] -= limit.get(label, limit.get("planted", 0.0))
    judge = Header(
        palier_head=FORMAT,
        labels=known,
        reads="embedding",
        temperature=1.0,
        trained=trained,
        encoder=f"{sentence_model.name()}+{signs.name()}",
        dimension=width,
        axes=AXES,
    )
    arrays = {"bias": bias, "embedding": one.weights[:width], "axes": one.axes, "products": one.weights[width:-1]}
    bad = sum(counts[label] for label in BAD[found.place])
    first = msgspec.structs.replace(
        judge,
        labels=("clean", "suspect"),
        trained=msgspec.structs.replace(trained, counts=(len(rows) - bad, bad)),
        encoder=signs.name(),
        dimension=signs.dimension(),
        axes=0,
    )
    first_arrays = {"bias": one.first[-1] - np.array([0, suspect], np.float32), "embedding": one.first[:-1]}
    return {f"{found.place}.head": dump(judge, arrays), f"{found.place}_first.head": dump(first, first_arrays)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data)
    for place in LABELS:
        rows = texts(place, folder)
        drawn = []
        for draw in range(DRAWS):
            found = table(place, rows, draw=draw)
            scores, suspicion = left_out(found, done=lambda words: print(words, file=sys.stderr))
            drawn.append({**limits(found, scores), "first": first_limit(found, suspicion)})
        limit = {name: float(np.mean([one[name] for one in drawn])) for name in drawn[0]}
        suspect = limit.pop("first")
        one = fit(found, np.flatnonzero(found.taught))
        for name, content in files(found, one, limit, suspect).items():
            (FITTED / name).write_bytes(content)
            shown = hashlib.sha256(content).hexdigest()[:16]
            print(f"{name}: {len(content)} bytes, SHA-256 {shown}...", file=sys.stderr)


if __name__ == "__main__":
    main()
