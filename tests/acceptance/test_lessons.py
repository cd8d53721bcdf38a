"""The sample company learns: its escalations become lessons, past the real engine, and what may not be learnt does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from palier import config
from palier.app import Palier
from palier.evals.suites import suite
from palier.ingest import Options, ingest
from palier.training.screening import HELD_OUT
from palier.types import Label, Principal

pytestmark = pytest.mark.engine

ANN, EVE = Principal(name="ann"), Principal(name="eve")


@pytest.fixture(scope="module")
def company(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("company") / "armorique"
    shutil.copytree(repository / "examples" / "armorique", root, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def settings_of(company: Path) -> config.Settings:
    settings = config.load(company / "palier.toml")
    teacher = msgspec.structs.replace(settings.models["teacher"], may_train_on_outputs=True)
    lessons = config.Lessons(suites=("suites/support",), user_share=1.0)
    models = {**settings.models, "teacher": teacher}
    redaction = config.Redaction(names="off")  # the models of names take seconds to load
    return msgspec.structs.replace(settings, data="data", models=models, lessons=lessons, redaction=redaction)


async def test_from_escalations_to_a_training_set_and_out_again(company: Path) -> None:
    cases = {case.id: case for case in suite.load(company / "suites" / "support").cases}
    assert (cases["q077"].split, cases["q080"].split) == ("dev", "holdout")
    dev, kept_apart = [cases["q077"].question], [cases["q080"].question]

    async with Palier.open(settings_of(company)) as p:
        documents = company / "documents"
        options = Options(collection="armorique", label=Label.PUBLIC, root=str(documents))
        some = sorted((documents / "public" / "en").iterdir())[:12]
        await ingest(p, p.workers.batch, some, options)
        asked = [await p.ask(question, route="support", principal=ANN) for question in dev + kept_apart]
        odd = await p.ask("Je m'appelle Marie Kerdoncuff, 06 12 34 56 78 : quand passe le facteur ?", principal=EVE)
        correction = "Marie Kerdoncuff, le facteur passe à 9 h ; nous vous appelons au 06 12 34 56 78."
        await p.rate(odd.id, principal=EVE, rating="down", correction=correction)
        climbed = [result for result in asked if result.tier == "tier-3"]
        small = {step.outcome for result in climbed for step in result.steps if step.tier == "tier-2"}
        assert climbed
        assert "climbed" in small, "the small model was asked, and its answer was not good enough"
        found = await p.lessons.harvest("support")
        learnt = sum(result.tier == "tier-3" for result in asked[: len(dev)])
        assert (found.added, found.queued) == ({"correction": 1, "escalation": learnt}, 1)
        assert found.refused.get(HELD_OUT, 0) == sum(result.tier == "tier-3" for result in asked[len(dev) :])
        assert (await p.lessons.harvest("support")).added == {}

        (waits,) = await p.lessons.page(state="queued")
        whole = msgspec.json.encode(await p.lessons.page()).decode()
        assert "Kerdoncuff" not in whole
        assert "34 56 78" not in whole
        name = waits.question.removeprefix("Je m'appelle ").split(",")[0]
        assert waits.answer.startswith(f"{name}, le facteur")
        await p.lessons.accept([waits.id], who="bob")

        taught = await p.lessons.to_teach("support")
        lessons = [*taught.split.train, *taught.split.validation]
        assert len(lessons) == learnt + 1
        assert taught.carried.collections == ("armorique",)
        assert taught.carried.label.rank >= Label.INTERNAL.rank
        assert all(one.evidence for one in lessons if one.kind == "escalation")

        gone = lessons[0].evidence[0] if lessons[0].evidence else lessons[1].evidence[0]
        counts = (await p.forget(document=f"{gone.collection}/{gone.document}")).counts
        assert counts["lessons"] >= 1
        assert (await p.forget(user="ann")).counts["lessons"] + counts["lessons"] >= learnt
        left = await p.lessons.page()
        assert all(one.kind == "correction" for one in left)
        assert (await p.lessons.harvest("support")).added == {}
