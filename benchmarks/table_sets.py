"""The installations that `benchmarks.tables` measures: documents, tiers and a suite of each public data set, in a folder.

The machine's tiers declare 20 W and $0.05 an hour, and stand in France: assumptions, from which their costs and carbon are
estimated. Where no large model's answers are at hand the upper tier is *simulated*: it gives the reference to a declared
share of the questions, by a hash, and a wrong answer to the others, at the price and energy of GPT-4.1 mini. It says what a
staircase would do below a tier that is so good, and nothing of any model.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import heads
from benchmarks.piaf import load as load_piaf
from benchmarks.results import ROOT
from palier.training.examples import key

ARMORIQUE = ROOT / "examples" / "armorique"
CONFIG = """
data = "data"
[carbon]
zone = "FRA"
"""
SMALL = """
[models.small]
kind = "engine"
weights = "smollm2-135m"
watts = 20
dollars_per_hour = 0.05
"""
HEAD = """
[models.head]
kind = "head"
file = "labels.head"
watts = 20
dollars_per_hour = 0.05
"""
QUOTE = """
[models.quote]
kind = "extract"
watts = 20
dollars_per_hour = 0.05
"""
UPPER = """
[models.upper]
kind = "recorded"
file = "upper.jsonl"
title = "upper tier"
simulated = true
price = { input = 0.40, output = 1.60 }
impacts_as = "openai/gpt-4.1-mini"
region = "eu-west-3"
"""
OUT = "out of scope"
KEPT_RIGHT = 0.95
"""Of what a head keeps on dev: its threshold is the least that gives so much."""


@dataclass(frozen=True, slots=True)
class Table:
    """An installation in `folder`, ready for `palier bench`."""

    suite: Path
    config: Path
    candidates: str
    what: str
    """What the data are, their licence, and what is published of them."""
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts with a label: some to teach a head by, the others to ask."""

    taught: Sequence[tuple[str, str]]
    asked: Sequence[tuple[str, str, str]]
    """Text, label, tag."""
    labels: Sequence[str]
    task: str


def share(*words: str) -> float:
    """Between 0 and 1, by a hash: the same on every machine."""
    return int(hashlib.sha256("|".join(words).encode()).hexdigest()[:12], 16) / 16**12


def lines(path: Path, items: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), encoding="utf-8")


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def palier(folder: Path, *arguments: str) -> str:
    """The command, in `folder`; what it printed."""
    done = subprocess.run([sys.executable, "-m", "palier", *arguments], cwd=folder, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"palier {' '.join(arguments)}: status {done.returncode}")
    return done.stdout


# --- answers are labels ----------------------------------------------------------------------------------------------


def banking77(data: Path, folder: Path, cases: int) -> Table:
    found = _parted("banking77", heads.banking77(data), "Name the intent of the message of a bank's customer.", cases)
    what = "Banking77 (CC BY 4.0), the official training texts: six in ten teach the head, cases are of the others."
    return _labels(folder, "Banking77: 77 intents of bank customers", found, what, right=0.9)


def clinc150(data: Path, folder: Path, cases: int) -> Table:
    task, beyond = heads.clinc150(data), cases - cases * 5 // 6
    within = _parted("clinc150", task, "Name the intent of the message of a user.", cases - beyond, tag="in scope")
    foreign = [(text.text, OUT, OUT) for text in task.foreign]
    asked = [*within.asked, *_drawn("clinc150", foreign, beyond)]
    found = Labelled(within.taught, asked, [*within.labels, OUT], within.task)
    what = (
        "CLINC150 (CC BY 3.0): train teaches the head; cases are of val, one in six out of scope, which the head does not"
        " know: only a tier above it can be right there."
    )
    return _labels(folder, "CLINC150: 150 intents, and messages that are none", found, what, right=0.9)


def headlines(data: Path, folder: Path, cases: int) -> Table:
    task = "Does the headline say that the price of gold went up, down, neutral or none?"
    found = _parted("headlines", heads.headlines(data), task, cases)
    what = (
        "HEADLINES of FrugalGPT, training part: six in ten teach the head, cases are of the others. Published beside:"
        " Chen, Zaharia and Zou's figures on its 5,000 test headlines (`summary_HEADLINES_e8_full_2024.csv`, Apache-2.0)."
    )
    table = _labels(folder, "HEADLINES: which way gold went", found, what, right=None)
    with (data / "frugalgpt" / "summary_HEADLINES_e8_full_2024.csv").open(encoding="utf-8") as file:
        published = _published(csv.DictReader(file))
    with table.suite.joinpath("suite.toml").open("a", encoding="utf-8") as suite:
        for name, point in published.items():
            source = "FrugalGPT, summary_HEADLINES_e8_full_2024.csv"
            suite.write(f'\n[candidates."{name}".published]\nquality = {point[0]}\ncost = {point[1]}\ncases = 5000\n')
            suite.write(f'source = "{source}"\n')
    return Table(table.suite, table.config, ",".join([table.candidates, *published]), what)


def _published(rows: Iterable[dict[str, str]]) -> dict[str, tuple[float, float]]:
    """Quality and dollars a query: each model, and each different point of the cascade's curve."""
    found: dict[str, tuple[float, float]] = {}
    points = set()
    for row in rows:
        point = (float(row["Test_acc"]), float(row["Test_cost"]))
        if row["Method"] != "FrugalGPT":
            found[row["Method"]] = point
        elif point not in points:
            points.add(point)
            found[f"FrugalGPT-{len(points)}"] = point
    return found


def intents(data: Path, folder: Path, cases: int) -> Table:
    found = _parted("intents", heads.armorique(data), "Name the intent of the message of a customer.", cases)
    what = "The sample company's messages, French and English: `train` teaches the head, cases are of `holdout`."
    return _labels(folder, "Intents of the sample company's customers", found, what, right=0.95)


def _parted(name: str, task: heads.Task, asked: str, cases: int, tag: str = "") -> Labelled:
    """As `benchmarks.heads` parts them, without what is taught in the same words."""
    taught = [(text.text, text.label) for text in task.taught]
    known = {key(text) for text, _ in taught}
    others = [(text.text, text.label, tag or text.label) for text in task.judged if key(text.text) not in known]
    return Labelled(taught, _drawn(name, others, cases), sorted({label for _, label in taught}), asked)


def _drawn(name: str, rows: Sequence[tuple[str, str, str]], count: int) -> list[tuple[str, str, str]]:
    return sorted(rows, key=lambda row: share(name, "drawn", row[0]))[:count]


def _labels(folder: Path, title: str, found: Labelled, what: str, right: float | None) -> Table:
    """A head, a small model that is told the labels, and, where `right` is given, a simulated tier above the head."""
    lines(folder / "examples.jsonl", ({"text": text, "label": label} for text, label in found.taught))
    palier(folder, "distill", "--student", "head", "--examples", "examples.jsonl", "-o", "labels.head")
    cases = [
        {"id": str(n), "input": text, "reference": label, "split": ("dev", "holdout")[n % 2], "tags": [tag]}
        for n, (text, label, tag) in enumerate(found.asked)
    ]
    lines(folder / "suite" / "cases.jsonl", cases)
    system = f"{found.task} Answer with one of these words alone: {', '.join(found.labels)}"
    tiers = f'[[routes.NAME.tiers]]\nmodel = "small"\nhighest_label = "restricted"\nmax_tokens = 12\nsystem = """{system}"""\n'
    tiers = '[routes.labels]\naudit = 0\n[[routes.labels.tiers]]\nmodel = "head"\n' + tiers.replace("NAME", "labels")
    config, declared, names = CONFIG + HEAD + SMALL + tiers, "", "head,small"
    if right is not None:
        upper = [(case["input"], case["reference"]) for case in cases]
        lines(folder / "upper.jsonl", _simulated(upper, found.labels, right))
        threshold = _threshold(folder, [case for case in cases if case["split"] == "dev"])
        config += UPPER + (
            f'[routes.staircase]\naudit = 0\n[[routes.staircase.tiers]]\nmodel = "head"\nthreshold = {threshold}\n'
            '[[routes.staircase.tiers]]\nmodel = "upper"\nhighest_label = "internal"\n'
            '[routes.upper]\naudit = 0\n[[routes.upper.tiers]]\nmodel = "upper"\nhighest_label = "internal"\n'
        )
        declared = '[candidates.upper]\nroute = "upper"\n[candidates.cascade]\nroute = "staircase"\ntuned_on = "dev"\n'
        names = "head,small,upper,cascade"
    (folder / "palier.toml").write_text(config, encoding="utf-8")
    suite = f'name = "{folder.name}"\ntask = "classification"\ntitle = "{title}"\nroute = "labels"\nlabels = {json.dumps(list(found.labels))}\n'
    (folder / "suite" / "suite.toml").write_text(suite + declared, encoding="utf-8")
    return Table(folder / "suite", folder / "palier.toml", names, what)


def _simulated(asked: Sequence[tuple[str, str]], labels: Sequence[str], right: float) -> Iterable[dict[str, str]]:
    for text, label in dict(asked).items():
        others = [other for other in labels if other != label]
        wrong = others[int(share("which", text) * len(others))]
        yield {"question": text, "answer": label if share("right", text) < right else wrong}


def _threshold(folder: Path, dev: Sequence[dict[str, Any]]) -> float:
    """The least probability from which `KEPT_RIGHT` of what the head says on dev is right."""
    lines(folder / "dev.jsonl", ({"id": case["id"], "text": case["input"]} for case in dev))
    said = [json.loads(line) for line in palier(folder, "predict", "--model", "labels.head", "dev.jsonl").splitlines()]
    known = {case["id"]: case["reference"] for case in dev}
    rows = sorted(((line["probability"], line["label"] == known[line["id"]]) for line in said), reverse=True)
    best, right = 1.0, 0
    for n, (probability, hit) in enumerate(rows, 1):
        right += hit
        if right / n >= KEPT_RIGHT:
            best = probability
    return round(best - 0.00005, 4)


# --- answers stand in documents --------------------------------------------------------------------------------------


def piaf_fr(data: Path, folder: Path, cases: int) -> Table:
    paragraphs, questions = load_piaf(data)
    documents = [{"id": p.id, "title": p.title, "text": p.text, "language": "fr"} for p in paragraphs]
    unseen = sorted((q for q in questions if not q.fits), key=lambda q: share("piaf", q.text))[:cases]
    asked = [
        {"input": q.text, "references": list(q.answers), "relevant": [q.paragraph], "family": q.title} for q in unseen
    ]
    what = (
        "PIAF v1.1, dev (Etalab; MIT, Licence Ouverte): all 940 paragraphs as documents; questions of the articles that"
        " nothing was fitted on. A quotation is right where it holds the answer. Published on other questions (FQuAD):"
        " CamemBERT F1 81, from memory."
    )
    return _documents(folder, "PIAF: French questions on encyclopedia paragraphs", documents, asked, "holds", what)


def fr_public_service(data: Path, folder: Path, cases: int) -> Table:
    rows = read(data / "fr_public_service" / "cnil_faq.jsonl.gz")
    rows = [{**row, "doc_id": f"{n}-{row['doc_id']}"} for n, row in enumerate(rows)]  # some ids are those of several
    documents = [{"id": row["doc_id"], "title": "", "text": row["context"], "language": "fr"} for row in rows]
    some = sorted(rows, key=lambda row: share("cnil", row["doc_id"]))[:cases]
    asked = [
        {
            "input": row["title"],
            "references": [row["context"][:1000]],
            "relevant": [row["doc_id"]],
            "family": row["doc_id"],
        }
        for row in some
    ]
    what = (
        "CNIL, « Besoin d'aide » (MIT; Licence Ouverte at origin): 512 answers without their titles, which are the"
        " questions. Right is what cites the question's own page. Nothing is published of it."
    )
    title = "CNIL: questions of the public, in French"
    return _documents(folder, title, documents, asked, "citation_precision", what)


def _documents(
    folder: Path,
    title: str,
    documents: Sequence[dict[str, Any]],
    asked: Sequence[dict[str, Any]],
    quality: str,
    what: str,
) -> Table:
    """Quotations, a simulated tier above them, and both as a staircase with the packaged threshold."""
    lines(folder / "documents.jsonl", documents)
    cases = [
        {"id": str(n), "split": ("dev", "holdout")[int(share("split", case["family"]) < 0.5)], "language": "fr", **case}
        for n, case in enumerate(asked)
    ]
    lines(folder / "suite" / "cases.jsonl", cases)
    lines(
        folder / "upper.jsonl",
        (
            {"question": case["input"], "answer": case["references"][0], "sources": case["relevant"]}
            if share("right", case["input"]) < 0.9
            else {"question": case["input"], "answer": "Une réponse fausse, pour l'étude."}
            for case in {case["input"]: case for case in cases}.values()
        ),
    )
    tiers = (
        '[[routes.NAME.tiers]]\nmodel = "quote"\n[[routes.NAME.tiers]]\nmodel = "upper"\nhighest_label = "internal"\n'
    )
    route = '[routes.questions]\ncollections = ["documents"]\naudit = 0\n' + tiers.replace("NAME", "questions")
    (folder / "palier.toml").write_text(CONFIG + QUOTE + UPPER + route, encoding="utf-8")
    palier(folder, "ingest", "documents.jsonl", "--collection", "documents", "--label", "public")
    suite = f'name = "{folder.name}"\ntask = "qa"\ntitle = "{title}"\nroute = "questions"\nquality = "{quality}"\nlanguage = "fr"\n'
    metrics = ["holds", "token_f1", "citation_precision", "recall@1", "recall@5", "mrr@10", "ndcg@10"]
    (folder / "suite" / "suite.toml").write_text(f"{suite}metrics = {json.dumps(metrics)}\n", encoding="utf-8")
    return Table(folder / "suite", folder / "palier.toml", "quote,upper,cascade", what)


# --- several choices -------------------------------------------------------------------------------------------------


def teleqna(data: Path, folder: Path, cases: int) -> Table:
    rows = sorted(read(data / "teleqna" / "dev.jsonl.gz"), key=lambda row: share("teleqna", row["question"]))[:cases]
    labels = [f"option {n}" for n in range(1, 6)]
    asked = []
    for row in rows:
        options = "\n".join(f"option {n}: {option}" for n, option in enumerate(row["options"], 1))
        asked.append((f"{row['question']}\n{options}", row["answer"].partition(":")[0], row["category"]))
    suite_cases = [
        {"id": str(n), "input": text, "reference": label, "split": ("dev", "holdout")[n % 2], "tags": [tag]}
        for n, (text, label, tag) in enumerate(asked)
    ]
    lines(folder / "suite" / "cases.jsonl", suite_cases)
    lines(folder / "upper.jsonl", _simulated([(text, label) for text, label, _ in asked], labels, 0.75))
    system = "Choose the right option of the telecom question. Answer with its name alone, such as: option 2"
    tiers = (
        f'[routes.choices]\naudit = 0\n[[routes.choices.tiers]]\nmodel = "small"\nhighest_label = "restricted"\nmax_tokens = 6\n'
        f'threshold = 0.9\nsystem = "{system}"\n[[routes.choices.tiers]]\nmodel = "upper"\nhighest_label = "internal"\n'
    )
    (folder / "palier.toml").write_text(CONFIG + SMALL + UPPER + tiers, encoding="utf-8")
    suite = f'name = "teleqna"\ntask = "classification"\ntitle = "TeleQnA: telecom questions with options"\nroute = "choices"\nlabels = {json.dumps(labels)}\n'
    (folder / "suite" / "suite.toml").write_text(suite, encoding="utf-8")
    what = (
        "TeleQnA, dev (MIT): a question with its options. Published on all 10,000 (Maatouk et al., 2023; from memory, not"
        " verified): GPT-3.5 67.3 %, GPT-4 74.9 %, professionals 64.9 %."
    )
    return Table(folder / "suite", folder / "palier.toml", "small,upper,cascade", what)


# --- the sample company ----------------------------------------------------------------------------------------------


def armorique(data: Path, folder: Path, cases: int) -> Table:
    """Its own settings: quotations, the small model, the recorded teacher, the staircase of all three."""
    _company(folder)
    what = (
        "The sample company's 200 questions. References are the recorded teacher's own answers, so that its figure says"
        " only what it was kept from by labels."
    )
    suite = ARMORIQUE / "suites" / "support"
    return Table(suite, folder / "palier.toml", "quote,small,teacher,cascade", what, ("--limit", str(cases)))


def task(name: str) -> Callable[[Path, Path, int], Table]:
    """A suite of another task: the small model alone, for no larger one's answers are recorded."""

    def made(data: Path, folder: Path, cases: int) -> Table:
        (folder / "palier.toml").write_text(
            CONFIG + SMALL + '[routes.support]\naudit = 0\n[[routes.support.tiers]]\nmodel = "small"\n',
            encoding="utf-8",
        )
        what = f"The sample company's suite `{name}`, by the small model alone: no larger one's answers are recorded."
        return Table(ARMORIQUE / "suites" / name, folder / "palier.toml", "small", what, ("--limit", str(cases)))

    return made


def _company(folder: Path) -> None:
    settings = (ARMORIQUE / "palier.toml").read_text(encoding="utf-8")
    settings = settings.replace("../../.palier-demo", "data").replace("teacher.jsonl", str(ARMORIQUE / "teacher.jsonl"))
    (folder / "palier.toml").write_text(settings, encoding="utf-8")
    for label in ("public", "internal", "confidential", "restricted"):
        documents = ARMORIQUE / "documents"
        place = ["--collection", "armorique", "--label", label, "--root", str(documents)]
        palier(folder, "ingest", str(documents / label), *place)


SETS: dict[str, Callable[[Path, Path, int], Table]] = {
    "armorique": armorique,
    "intents": intents,
    "banking77": banking77,
    "clinc150": clinc150,
    "headlines": headlines,
    "piaf_fr": piaf_fr,
    "fr_public_service": fr_public_service,
    "teleqna": teleqna,
    **{name: task(name) for name in ("extraction", "translation", "summary", "rewriting", "dialogue")},
}
