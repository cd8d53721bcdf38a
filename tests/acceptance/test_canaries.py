"""Secrets do not get out: the benchmark `canaries`, small, and that it would tell if they did."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from benchmarks import canaries
from benchmarks.canary import attacks, corpus
from benchmarks.canary.forms import FORMS
from benchmarks.canary.windows import WIDTH, Windows, squeezed, strings

SEED = 7


@pytest.mark.timeout(300)
@pytest.mark.parametrize("requests", [120, pytest.param(300, marks=pytest.mark.slow)])
async def test_nothing_gets_out_and_what_is_public_does(tmp_path: Path, requests: int) -> None:
    conversations = canaries.planned(requests=requests, benign=requests // 3, seed=SEED)
    outcome = await canaries.run(conversations, SEED, concurrency=16, folder=tmp_path)
    assert [str(leak) for leak in outcome.leaks] == []
    figures = canaries.figures(outcome)
    assert figures["benign_reached"] >= 0.99, figures["benign_stopped_by"]
    assert figures["calls_outside"]["cloud"] > requests / 3, (
        "an adversary that asks nothing of the outside shows nothing"
    )
    assert figures["calls_outside"]["spare"] > requests / 30, "no upstream failed first"
    assert figures["read_by_others"] > requests / 3
    assert not {"0", "500"} & set(figures["statuses"])
    asked = {name for name, kind in figures["by_kind"].items() if kind["requests"]}
    assert len(asked) > len(attacks.KINDS) - 4


@pytest.fixture(scope="module")
def company() -> corpus.Company:
    return corpus.build(SEED)


@pytest.fixture(scope="module")
def windows(company: corpus.Company) -> Windows:
    return Windows([canary.text for canary in company.canaries], list(corpus.common(company)))


@pytest.mark.parametrize("form", list(FORMS))
def test_a_canary_is_found_in_every_form(form: str, company: corpus.Company, windows: Windows) -> None:
    rng = Random(form)
    for index in rng.sample(range(len(company.canaries)), 12):
        page = company.page(company.canaries[index])
        before, after = "Bonjour, voici. " * rng.randint(0, 3), " Merci, à demain."
        sent = before + FORMS[form]("x" * rng.randint(0, 3) + company.canaries[index].text) + after
        assert index in windows.inside([sent]), page.id


def test_a_part_of_a_canary_is_found_and_less_is_not(company: corpus.Company, windows: Windows) -> None:
    index = next(i for i, canary in enumerate(company.canaries) if canary.kind == "digits")
    digits = squeezed(company.canaries[index].text)
    assert windows.inside([f"It ends in {digits[-WIDTH:]}."]) == {index}
    assert windows.inside([f"It ends in {digits[1 - WIDTH :]}."]) == set()
    assert windows.inside([digits], allowed=frozenset({index})) == set()


def test_what_everybody_may_read_holds_no_canary(company: corpus.Company, windows: Windows) -> None:
    for page in company.pages:
        found = {company.canaries[index].document for index in windows.inside([page.text, page.title, page.url])}
        assert (page.id in found) == (page.label != "public"), page.id


def test_all_that_a_body_says_is_looked_at() -> None:
    body = b'{"messages":[{"role":"user","content":"half"},{"role":"user","content":"other"}],"tools":[{"a":"{\\"b\\":\\"c\\"}"}]}'
    assert {"halfother", "tools", "a", "b", "c"} <= set(strings(body))
    assert strings(b"no JSON") == ["no JSON"]


def test_a_plan_follows_from_its_seed_alone() -> None:
    one = canaries.planned(200, 50, seed=3)
    assert one == canaries.planned(200, 50, seed=3)
    assert one != canaries.planned(200, 50, seed=4)
    assert sum(attacks.KINDS[name].exchanges for number, name in one if number < canaries.TWINS_FROM) in range(200, 204)
