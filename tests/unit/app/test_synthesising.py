"""A teacher over the real wire: what it writes is kept where it stands up, and asked for once, within what it may cost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from palier.app import Palier
from palier.app.synthesising import Asked, synthesise
from palier.cli import app
from palier.config import Settings, load
from palier.errors import ConfigurationError, InvalidRequest, Unavailable
from palier.lessons import Evidence, Lesson, Origin
from palier.testing.upstream import Call, Upstream, Wire, answers, refuses
from palier.training import synthesis
from palier.training.harvest import HELD_OUT
from palier.training.lesson_sets import source_of
from palier.training.synthesis import Synthesised
from palier.types import Document, Label

PRICES = {"fibre": "29.99", "mobile plan": "12.50", "television": "8.75", "landline": "4.20", "modem": "3.10"}
TOML = """
data = "data"
[redaction]
names = "off"
[lessons]
suites = ["suite"]
[models.quote]
kind = "extract"
[models.cloud]
kind = "endpoint"
base_url = "URL"
model = "m"
may_train_on_outputs = true
[models.cloud.price]
input = 1.0
output = 2.0
[routes.support]
collections = ["shelf"]
audit = 0
[[routes.support.tiers]]
model = "quote"
[[routes.support.tiers]]
model = "cloud"
highest_label = "internal"
"""


def passage(name: str) -> str:
    said = f"The {name} of Armorique costs {PRICES[name]} euros a month, and there is no fee to begin with."
    return f"{said} It can be ended in any month."


def answer(name: str) -> str:
    return f"The {name} costs {PRICES[name]} euros a month [1]."


def named(text: str) -> str:
    return next((name for name in PRICES if name in text), "")


class Teacher:
    """Speaks the wire: says things otherwise, asks of passages, and answers from them; `calls` is what it was asked."""

    def __init__(self) -> None:
        self.otherwise: Callable[[str], list[str]] = lambda question: [
            f"1. Monthly {named(question)} price please",
            f"- How expensive would a {named(question)} be for us here",
        ]
        self.asks: Callable[[str], str] = lambda name: (
            f"Q: How much does Armorique take for the {name} every month?\nA: {answer(name)}"
        )
        self.answers: Callable[[str], str] = answer
        self.asked: list[str] = []

    async def __call__(self, call: Call, wire: Wire) -> None:
        system, user = ["", *(message["content"] for message in call.json["messages"])][-2:]
        name = named(user)
        if "other ways" in system:
            self.asked.append("otherwise")
            said = "\n".join(self.otherwise(user))
        elif "Write one question" in user:
            self.asked.append("pair")
            said = self.asks(name)
        else:
            self.asked.append("again")
            said = self.answers(name)
        await answers(said, usage=(100, 10))(call, wire)


def lessons(names: Sequence[str] = tuple(PRICES), label: Label = Label.INTERNAL, **more: Any) -> list[Lesson]:
    return [
        Lesson(
            id=f"lesson-{name[:4]}",
            route="support",
            question=f"What does the {name} cost?",
            answer=answer(name),
            kind="escalation",
            origin=Origin(name=f"trace:{name}:escalation", who="somebody"),
            evidence=(Evidence(text=passage(name), label=label),),
            label=label,
            language="en",
            state="accepted",
            **more,
        )
        for name in names
    ]


class Shop:
    """An installation with lessons and documents, whose teacher is `teacher`."""

    def __init__(self, folder: Path, teacher: Teacher, upstream: Upstream) -> None:
        self.folder, self.teacher, self.upstream = folder, teacher, upstream

    @property
    def settings(self) -> Settings:
        return load(self.folder / "palier.toml")

    def write(self, *, share: float = 0.75, held: Sequence[str] = (), changed: Callable[[str], str] = str) -> None:
        text = TOML.replace("URL", self.upstream.url).replace("[lessons]", f"[lessons]\nsynthetic_share = {share}")
        (self.folder / "palier.toml").write_text(changed(text))
        (self.folder / "suite").mkdir(exist_ok=True)
        (self.folder / "suite" / "suite.toml").write_text('name = "s"\nroute = "support"\n')
        rows = [{"id": f"c{n}", "input": one, "reference": "x", "split": "holdout"} for n, one in enumerate(held)]
        rows = rows or [{"id": "c", "input": "Where is the Zanzibar office?", "reference": "x", "split": "holdout"}]
        (self.folder / "suite" / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    async def stock(self, some: Sequence[Lesson]) -> None:
        async with Palier.open(self.settings) as p:
            brought = await p.lessons.add(some, who="ann", accept=True)
            assert brought.added == len(some), brought
            await p.put_documents(
                [
                    Document(id=f"{name}.md", collection="shelf", text=passage(name), label=Label.PUBLIC)
                    for name in PRICES
                ]
            )

    async def made(self, **asked: Any) -> Synthesised:
        async with Palier.open(self.settings) as p:
            return await synthesise(p.settings, p.lessons, Asked(route="support", teacher="cloud", **asked))

    async def there(self) -> list[Lesson]:
        async with Palier.open(self.settings) as p:
            return [one for one in await p.lessons.page(route="support") if one.kind == "synthetic"]


@pytest.fixture
async def shop(tmp_path: Path) -> Any:
    teacher = Teacher()
    async with Upstream(default=teacher) as upstream:
        made = Shop(tmp_path, teacher, upstream)
        made.write()
        await made.stock(lessons())
        yield made


async def test_what_stands_up_is_kept_with_where_it_comes_from(shop: Shop) -> None:
    found = await shop.made(paraphrases=1, pairs=2)
    assert (found.paraphrases, found.pairs, found.refused, found.stopped) == (5, 2, {}, "")
    assert found.calls == 2 * 5 + 2 * 2 == len(shop.teacher.asked)
    assert found.cost == pytest.approx(found.calls * (100 * 1.0 + 10 * 2.0) / 1e6)
    said = {one.origin.name.rpartition(":")[0]: one for one in await shop.there()}
    one = said["synthetic:paraphrase:lesson-fibr"]
    assert (one.question, one.answer) == ("Monthly fibre price please", answer("fibre"))
    assert (one.label, one.state, one.teacher.model, one.origin.who) == (
        Label.INTERNAL,
        "accepted",
        "cloud",
        "somebody",
    )
    assert source_of(one) == "lesson-fibr"
    pairs = [one for one in said.values() if not one.origin.who]
    assert {(one.label, one.collections, len(one.evidence)) for one in pairs} == {(Label.PUBLIC, ("shelf",), 1)}
    assert all(one.evidence[0].digest and one.evidence[0].document for one in pairs), "withdrawn once it changes"


async def test_asked_again_it_asks_nothing_again(shop: Shop) -> None:
    await shop.made(paraphrases=1, pairs=2)
    before = len(shop.teacher.asked)
    found = await shop.made(paraphrases=1, pairs=2)
    assert (found.calls, found.paraphrases, found.pairs) == (0, 0, 0)
    assert len(shop.teacher.asked) == before
    assert (await shop.made(pairs=3)).pairs == 1, "so many in all"


async def test_what_the_passages_do_not_support_is_not_kept(shop: Shop) -> None:
    shop.teacher.asks = lambda name: (
        f"Q: Who leads the {name} unit?\nA: Zebulon Quark has led the {name} since 1931 [1]."
    )
    found = await shop.made(pairs=3)
    assert found.pairs == 0
    assert found.refused == {synthesis.UNSUPPORTED: 5}
    assert "again" not in shop.teacher.asked, "what is not supported is not asked again"


async def test_what_the_teacher_answers_otherwise_is_not_kept(shop: Shop) -> None:
    shop.teacher.answers = lambda name: f"The {name} costs 99.99 euros a month [1]."
    found = await shop.made(paraphrases=1)
    assert (found.paraphrases, found.refused) == (0, {synthesis.OTHERWISE: 5})


async def test_what_is_in_no_form_is_not_kept(shop: Shop) -> None:
    shop.teacher.otherwise = lambda question: [question, ""]
    shop.teacher.asks = lambda name: f"Here is a question about the {name}: what is it?"
    found = await shop.made(paraphrases=1, pairs=5)
    assert found.refused == {synthesis.UNREAD: 10}


async def test_what_the_benchmark_holds_out_is_not_made_up_either(shop: Shop) -> None:
    shop.write(held=["Monthly fibre price please"])
    async with Palier.open(shop.settings) as p:
        assert len(await p.lessons.page(route="support")) == 5
    found = await shop.made(paraphrases=1)
    assert found.refused[HELD_OUT] >= 1
    assert "lesson-fibr" not in {source_of(one) for one in await shop.there()}


async def test_the_teacher_is_not_shown_what_it_may_not_see(shop: Shop) -> None:
    hidden = msgspec.structs.replace(
        lessons(["fibre"], Label.CONFIDENTIAL)[0],
        id="lesson-secret",
        question="Why was the Zanzibar cable dug up?",
        origin=Origin(name="trace:secret:escalation"),
    )
    async with Palier.open(shop.settings) as p:
        assert (await p.lessons.add([hidden], who="ann", accept=True)).added == 1
    found = await shop.made(paraphrases=1)
    assert (found.paraphrases, found.refused) == (5, {synthesis.HIDDEN: 1})
    assert not any(b"Zanzibar" in call.body for call in shop.upstream.calls)


async def test_no_more_than_the_share_is_made_and_no_more_is_taught(shop: Shop) -> None:
    shop.write(share=0.3)
    found = await shop.made(paraphrases=2, pairs=5)
    assert found.stopped == "share"
    assert found.paraphrases + found.pairs == 2, "2 of 7 are below .3, 3 of 8 are not"
    shop.write(share=0.15)
    async with Palier.open(shop.settings) as p:
        training = await p.lessons.to_teach("support")
    assert len(training.lessons) == 5
    assert training.left_out == {"are over the share of synthetic lessons": 2}


async def test_a_paraphrase_is_not_taught_without_its_lesson(shop: Shop) -> None:
    await shop.made(paraphrases=1)
    async with Palier.open(shop.settings) as p:
        await p.lessons.reject(["lesson-fibr"], who="ann")
        training = await p.lessons.to_teach("support")
    assert training.left_out == {"say otherwise what is not taught any more": 1}
    assert "lesson-fibr" not in {source_of(one) for one in training.lessons}
    leaders = [{source_of(one) or one.id for one in side} for side in (training.split.train, training.split.validation)]
    assert not leaders[0] & leaders[1], "a lesson and what says it otherwise stand on one side"


async def test_it_stops_at_its_budget_and_goes_on(shop: Shop) -> None:
    found = await shop.made(paraphrases=1, max_calls=4)
    assert (found.calls, found.stopped) == (4, "calls")
    assert (await shop.made(paraphrases=1, max_calls=4)).calls == 0, "what was spent is remembered"
    rest = await shop.made(paraphrases=1, max_calls=40)
    assert rest.stopped == ""
    assert found.paraphrases + rest.paraphrases == 5
    assert sorted(map(source_of, await shop.there())) == sorted(one.id for one in lessons())
    cheap = await shop.made(pairs=4, max_calls=400, max_cost=1e-9)
    assert (cheap.calls, cheap.stopped) == (0, "cost")


async def test_a_teacher_that_goes_away_leaves_what_was_made(shop: Shop) -> None:
    shop.upstream.script = [shop.teacher, shop.teacher]
    shop.upstream.default = refuses(503)
    with pytest.raises(Unavailable, match="in a row"):
        await shop.made(paraphrases=1, pairs=5)
    made = len(await shop.there())
    shop.upstream.default = shop.teacher
    found = await shop.made(paraphrases=1)
    assert found.paraphrases + made == 5


async def test_no_word_of_it_stands_in_its_log(shop: Shop) -> None:
    await shop.made(paraphrases=1, pairs=1)
    (log,) = (shop.folder / "data" / "synthesis").iterdir()
    content = log.read_bytes()
    assert content.count(b"\n") == 12 + 6
    assert log.stat().st_mode & 0o077 == 0
    assert not re.search(rb"fibre|shelf|lesson-|support|cloud", content)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "nothing says what is to be made"),
        ({"pairs": 1, "teacher": "quote"}, "writes nothing of its own"),
        ({"pairs": 1, "teacher": "cascade"}, "it is a staircase"),
        ({"pairs": 1, "share": 0.9}, "no more than 0.75"),
        ({"pairs": 1, "teacher": "nobody"}, "there is no candidate"),
    ],
)
async def test_what_cannot_be_is_said_before_anything_is_asked(shop: Shop, asked: dict[str, Any], words: str) -> None:
    async with Palier.open(shop.settings) as p:
        with pytest.raises(ConfigurationError, match=words):
            await synthesise(p.settings, p.lessons, Asked(route="support", **{"teacher": "cloud", **asked}))
    assert shop.upstream.calls == []


async def test_one_whose_terms_forbid_it_teaches_nothing(shop: Shop) -> None:
    shop.write(changed=lambda text: text.replace("may_train_on_outputs = true\n", ""))
    with pytest.raises(ConfigurationError, match="its terms do not let"):
        await shop.made(paraphrases=1)
    assert shop.upstream.calls == []


async def test_without_lessons_there_is_no_share(tmp_path: Path) -> None:
    async with Upstream(default=Teacher()) as upstream:
        empty = Shop(tmp_path, Teacher(), upstream)
        empty.write()
        with pytest.raises(InvalidRequest, match="no accepted lessons"):
            await empty.made(pairs=1)


async def test_where_answers_are_labels_the_same_label_must_come_again(tmp_path: Path) -> None:
    from tests.heads import taught

    (tmp_path / "own.head").write_bytes(taught(("ngrams",)).content)
    teacher = Teacher()
    teacher.answers = lambda name: "Price" if name == "fibre" else "failure"

    def labelled(text: str) -> str:
        text = text.replace('kind = "extract"', 'kind = "head"\nfile = "own.head"')
        return text.replace('collections = ["shelf"]\n', "")

    async with Upstream(default=teacher) as upstream:
        made = Shop(tmp_path, teacher, upstream)
        made.write(changed=labelled)
        some = [
            msgspec.structs.replace(one, answer="price" if n < 3 else "failure", evidence=())
            for n, one in enumerate(lessons())
        ]
        await made.stock(some)
        found = await made.made(paraphrases=1)
        assert (found.paraphrases, found.refused) == (3, {synthesis.OTHERWISE: 2})
        assert {one.answer for one in await made.there()} == {"price", "failure"}, "as the lesson says it"
        with pytest.raises(ConfigurationError, match="answers with labels"):
            await made.made(pairs=1)


def test_the_command_says_what_came_of_it_and_whether_there_is_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio
    import threading

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PALIER_CONFIG", raising=False)
    ready, over = threading.Event(), threading.Event()
    shops: list[Shop] = []

    async def serve() -> None:
        async with Upstream(default=Teacher()) as upstream:
            shops.append(Shop(tmp_path, Teacher(), upstream))
            ready.set()
            while not over.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        shops[0].write()
        asyncio.run(shops[0].stock(lessons()))
        command = ["lessons", "synthesise", "support", "--teacher", "cloud", "--paraphrases", "1"]
        done = CliRunner().invoke(app, [*command, "--max-calls", "4"])
        assert done.exit_code == 5, done.output
        assert "the same command goes on" in " ".join(done.output.split())
        assert "2 synthetic lessons" in done.output
        done = CliRunner().invoke(app, [*command, "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["stopped"] == ""
        listed = CliRunner().invoke(app, ["lessons", "list", "--kind", "synthetic", "--json"])
        assert len(listed.stdout.splitlines()) == 5
    finally:
        over.set()
        thread.join()
