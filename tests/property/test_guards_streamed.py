"""The verdict on every labelled case of the public data is the same in whichever pieces a stream brings it."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from tests.heads import WordEncoder

from palier import registry
from palier.config import Guard as Settings
from palier.interfaces import Guard, Resources
from palier.interfaces.guarding import Context
from palier.pipeline.guarding import Watch
from palier.pipeline.posts import Log, Post, Posts
from palier.testing.guards import pieces
from palier.types import Delta, Event, Finish, Parameters

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not os.environ.get("PALIER_BENCH_DATA"), reason="no public data: set PALIER_BENCH_DATA"),
]
SETS = ("faithdial_begin", "halueval", "harmful_requests", "xstest", "bipia")
RULES = (
    '[[rules]]\nname = "r"\nwords = ["company", "not sure", "weapon"]\nexamples = ["it is a large city in the north"]\n'
)


class Labelled(NamedTuple):
    """A text that somebody judged, and what it was judged with."""

    text: str
    evidence: tuple[str, ...] = ()
    question: str = ""
    json: bool = False


def _lines(name: str) -> Iterator[Any]:
    with gzip.open(Path(os.environ["PALIER_BENCH_DATA"], f"{name}.jsonl.gz"), "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def labelled(name: str) -> Iterator[Labelled]:
    """Every labelled case of a set."""
    match name:
        case "faithdial_begin":
            for row in _lines("faithdial_begin/dev"):
                yield Labelled(row["response"], (row["knowledge"],))
        case "halueval":
            for row in _lines("halueval/qa_pairs_dev"):
                for answer in ("right_answer", "hallucinated_answer"):
                    yield Labelled(row[answer], (row["knowledge"],), row["question"])
        case "halueval_general":
            for row in _lines("halueval/general_dev"):
                yield Labelled(row["chatgpt_response"], (), row["user_query"])
        case "bipia":
            attacks = json.loads(Path(os.environ["PALIER_BENCH_DATA"], "bipia/text_attack_train.json").read_text())
            strings = [text for texts in attacks.values() for text in texts]
            for n, row in enumerate(_lines("bipia/email_train")):
                yield Labelled(row["context"])
                yield Labelled(f"{row['context']}\n{strings[n % len(strings)]}")
        case _:
            for row in _lines(f"{name}/dev"):
                yield Labelled(row["prompt"])


@pytest.fixture(scope="module")
def guards(tmp_path_factory: pytest.TempPathFactory) -> list[Guard]:
    """One of each kind that looks at drafts, all by sentences but the last, which looks at the whole."""
    folder = tmp_path_factory.mktemp("guards")
    (folder / "rules.toml").write_text(RULES)
    resources = Resources(cast(Any, None), WordEncoder(), cast(Any, None), folder, lambda name: folder / name)
    made = {
        "toxicity": Settings(kind="toxicity", action="mend"),
        "policy": Settings(kind="policy", file="rules.toml", action="mend"),
        "form": Settings(kind="form", amounts="fr", most=1_000),
    }
    return [registry.find("guards", kind.kind)(name, kind, resources) for name, kind in made.items()]


async def streamed(guards: list[Guard], case: Labelled, parts: list[str]) -> tuple[object, ...]:
    """What is released, who stopped it, and what every guard said."""
    told = Log()
    form = Parameters(response_format={"type": "json_object"}) if case.json else Parameters()
    context = Context(place="draft", question=case.question, language="en", evidence=case.evidence, parameters=form)
    watch = Watch(Posts(draft=tuple(Post(guard, timeout_s=60) for guard in guards)), context, told, "t")
    events: list[Event] = []
    for part in parts:
        watch.take(Delta(text=part))
        events += await watch.cleared()
    watch.take(Finish(reason="stop"))
    events += await watch.end()
    text = "".join(event.text for event in events if isinstance(event, Delta))
    rows = [(row.guard, row.action, row.reason, row.score, row.texts, row.failed) for row in told.rows]
    return text, watch.stopped and (watch.stopped.post.guard.name, watch.stopped.verdict), *rows


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> list[Guard]:
    """Those that were fitted, with the encoder they were fitted with."""
    from tests.conformance.test_guards import Here

    from palier.retrieval.encoder import SentenceEncoder

    folder = tmp_path_factory.mktemp("fitted")
    resources = Resources(cast(Any, None), SentenceEncoder(Here()), Here(), folder, lambda name: folder / name)
    made = {
        "injection": Settings(kind="injection", action="mend"),
        "grounding": Settings(kind="grounding", action="mend"),
    }
    return [registry.find("guards", kind.kind)(name, kind, resources) for name, kind in made.items()]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", SETS)
async def test_fitted_guards_have_one_verdict_on_every_labelled_case(fitted: list[Guard], name: str) -> None:
    chance = random.Random(name)
    for case in labelled(name):
        context = case if case.evidence else case._replace(evidence=("Nothing of this is known.",))
        whole = await streamed(fitted, context, [case.text])
        assert await streamed(fitted, context, pieces(case.text, chance)) == whole, case.text


@pytest.mark.parametrize(
    "name", [*SETS, pytest.param("halueval_general", marks=(pytest.mark.slow, pytest.mark.timeout(1200)))]
)
async def test_every_labelled_case_has_one_verdict(guards: list[Guard], name: str) -> None:
    chance, cases = random.Random(name), 0
    for case in labelled(name):
        cases += 1
        for few in (guards[:-1], guards) if cases % 7 == 0 else (guards[:-1],):
            whole = await streamed(few, case, [case.text])
            assert await streamed(few, case, pieces(case.text, chance)) == whole, case.text
    assert cases >= 90


async def test_json_with_a_labelled_case_in_it_has_one_verdict_and_none_without_it(guards: list[Guard]) -> None:
    chance, stopped = random.Random("json"), 0
    for case in labelled("harmful_requests"):
        escaped = "".join(f"\\u{ord(c):04x}" if c.isascii() else c for c in case.text)
        text = f'{{"n": {len(case.text)}, "said": "{escaped}", "said": "This is fine."}}'
        one = await streamed(guards[:-1], Labelled(text, json=True), [text])
        assert await streamed(guards[:-1], Labelled(text, json=True), pieces(text, chance)) == one, case.text
        alone = await streamed(guards[:-1], case, [case.text])
        assert (one[1] is None) == (alone[1] is None and alone[0] == case.text), case.text
        stopped += one[1] is not None
    assert stopped
