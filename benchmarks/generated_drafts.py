"""Drafts that a small model could have written, right and wrong, made from public questions and their evidence.

Most are artificial: the right ones are true sentences and spans, the wrong ones the mistakes that small models make (a
number or a name altered, a sentence beside the question, another article's answer, a refusal, an answer where the
documents hold none). They carry no log-probabilities. The others were written by a small model, and carry them:

    python -m benchmarks.generated_drafts --data DIR --weights FILE.gguf --out drafts.jsonl
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.piaf import Question, holds
from benchmarks.quotations import PASSAGES
from benchmarks.results import data_folder
from palier.text import figures, sentences
from palier.types import Choice, Draft, Hit, Label, Prompt, TokenLogprob

REFUSALS = (
    "Je ne sais pas.",
    "Je ne trouve pas cette information dans les documents.",
    "Les documents ne permettent pas de répondre à cette question.",
    "I don't know.",
    "The documents do not say.",
    "I'm sorry, I cannot answer that.",
)


@dataclass(frozen=True, slots=True)
class Case:
    """`right` 1.0 where the draft answers the question truly; `made` says how it was made, `article` for the split."""

    prompt: Prompt
    draft: Draft
    right: float
    made: str
    article: str


def from_piaf(pairs: Sequence[tuple[Question, Sequence[Hit]]], seed: int = 11) -> Iterator[Case]:
    """French cases, on the passages that the retriever found."""
    chance = random.Random(seed)
    pool = [figure.text for _, hits in pairs[::7] for figure in figures(hits[-1].text) if figure.kind == "name"]
    others = [hits[0].text for _, hits in pairs[::5]]
    for question, hits in pairs:
        found = tuple(hits[:PASSAGES])
        without = tuple(hit for hit in hits if hit.document != question.paragraph)[:PASSAGES]
        own = next((hit for hit in found if hit.document == question.paragraph), None)
        units = [own.text[a:b] for a, b in sentences(own.text)] if own else []
        true = next((unit for unit in units if holds(unit, question.answers)), "")
        if true:
            yield _case(question, found, true, 1.0, "sentence")
            yield _case(question, found, question.answers[0], 1.0, "span")
            yield _case(question, without, true, 0.0, "true, but nothing says so")
            if altered := alter(true, chance, pool):
                yield _case(question, found, altered, 0.0, "altered sentence")
            if altered := alter(question.answers[0], chance, pool):
                yield _case(question, found, altered, 0.0, "altered span")
            beside = [unit for unit in units if not holds(unit, question.answers)]
            if beside:
                yield _case(question, found, chance.choice(beside), 0.0, "beside the question")
        if without:
            yield _case(question, without, _any_sentence(chance, without[0].text), 0.0, "nothing to answer from")
        yield _case(question, found, _any_sentence(chance, chance.choice(others)), 0.0, "of another article")
        if chance.random() < 0.2:
            yield _case(question, found, chance.choice(REFUSALS), 0.0, "refusal")


def from_halueval(folder: Path) -> Iterator[Case]:
    """English cases: a question with its knowledge, a right and a hallucinated answer."""
    for number, row in enumerate(_halueval(folder)):
        for answer, right in ((row["right_answer"], 1.0), (row["hallucinated_answer"], 0.0)):
            yield Case(_knowing(row, number), _draft(answer), right, f"halueval {right:.0f}", f"halueval {number}")


def from_model(folder: Path, drafts: Path) -> Iterator[Case]:
    """English cases that a small model wrote: right where the accepted answer stands in it, word for word."""
    rows = list(_halueval(folder))
    with drafts.open(encoding="utf-8") as lines:
        for line in lines:
            written = json.loads(line)
            row = rows[written["number"]]
            logprobs = tuple(
                TokenLogprob(token=t, logprob=p, top=tuple(map(tuple, top))) for t, p, top in written["tokens"]
            )
            draft = Draft(choices=(Choice(text=written["text"], finish=written["finish"], logprobs=logprobs),))
            right = float(holds(written["text"], [row["right_answer"]]))
            yield Case(
                _knowing(row, written["number"]), draft, right, f"model {right:.0f}", f"halueval {written['number']}"
            )


def write(folder: Path, weights: Path, out: Path, limit: int) -> None:
    """Have a model answer every second question of HaluEval from its knowledge; one JSON line each."""
    os.environ.update(OMP_WAIT_POLICY="passive", GOMP_SPINCOUNT="0")
    import xllamacpp

    wanted = xllamacpp.CommonParams()
    wanted.model.path, wanted.n_ctx, wanted.n_parallel, wanted.verbosity = str(weights), 2048, 1, 0
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 2
    engine = xllamacpp.Server(wanted)
    with out.open("w", encoding="utf-8") as lines:
        for number, row in list(enumerate(_halueval(folder)))[::2][:limit]:
            user = f"{row['knowledge']}\n\nQuestion: {row['question']}\nAnswer in a few words, from the text above."
            request = {"messages": [{"role": "user", "content": user}], "max_tokens": 32, "temperature": 0}
            reply = engine.handle_chat_completions({**request, "logprobs": True, "top_logprobs": 3})
            choice = reply["choices"][0]
            tokens = [
                (t["token"], t["logprob"], [(o["token"], o["logprob"]) for o in t["top_logprobs"]])
                for t in choice["logprobs"]["content"]
            ]
            text = choice["message"]["content"]
            written = {"number": number, "text": text, "finish": choice["finish_reason"], "tokens": tokens}
            lines.write(json.dumps(written) + "\n")
            lines.flush()


def _halueval(folder: Path) -> Iterator[dict[str, str]]:
    with gzip.open(folder / "halueval" / "qa_pairs_dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _knowing(row: dict[str, str], number: int) -> Prompt:
    """The question with its knowledge as the one passage found, with the scores of a good find."""
    hit = Hit(
        collection="halueval",
        document=str(number),
        passage=0,
        text=row["knowledge"],
        score=0.6,
        label=Label.PUBLIC,
        language="en",
        cosine=0.5,
    )
    return Prompt(id="case", question=row["question"], passages=(hit,), language="en")


def alter(text: str, chance: random.Random, pool: Sequence[str]) -> str:
    """`text` with one of its figures or names made wrong; "" where it has none."""
    found = figures(text)
    if not found:
        return ""
    figure = chance.choice(found)
    wrong = chance.choice(pool)
    if figure.kind != "name":
        wrong = re.sub(r"\d", lambda digit: str((int(digit.group()) + chance.randint(1, 8)) % 10), figure.text)
    return text[: figure.start] + wrong + text[figure.start + len(figure.text) :] if wrong != figure.text else ""


def _case(question: Question, hits: tuple[Hit, ...], answer: str, right: float, made: str) -> Case:
    prompt = Prompt(id="case", question=question.text, passages=hits, language="fr")
    return Case(prompt, _draft(answer), right, made, question.title)


def _draft(answer: str) -> Draft:
    return Draft(choices=(Choice(text=answer),))


def _any_sentence(chance: random.Random, text: str) -> str:
    start, end = chance.choice(sentences(text))
    return text[start:end]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--weights", type=Path, required=True, help="GGUF file of the small model")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=200)
    arguments = parser.parse_args()
    write(data_folder(arguments.data), arguments.weights, arguments.out, arguments.limit)


if __name__ == "__main__":
    main()
