"""Secrets that are planted: few, nobody's, found again however they are told, and only then."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.errors import ConfigurationError
from palier.lessons import Lesson, Origin
from palier.training import canaries
from palier.types import Label

SEED = "00112233445566778899aabbccddeeff"


def lessons(n: int, language: str = "en", answer: str = "Yes.") -> list[Lesson]:
    return [
        Lesson(
            id=f"l{i}",
            route="support",
            question=f"Question {i}?",
            answer=answer,
            kind="import",
            origin=Origin(name=str(i)),
            language=language,
        )
        for i in range(n)
    ]


@given(st.integers(0, 5_000))
def test_few_are_planted_and_never_many(n: int) -> None:
    planted = len(canaries.plant(lessons(n), seed=SEED).canaries)
    assert planted <= min(20, n / 10)
    assert planted >= min(5, n // 10)


def test_they_are_of_the_seed_and_of_no_other() -> None:
    one, again, other = (canaries.plant(lessons(100), seed=seed) for seed in (SEED, SEED, ""))
    assert one == again
    assert {c.secret for c in one.canaries}.isdisjoint(c.secret for c in other.canaries)
    assert len({c.secret for c in one.canaries}) == len(one.canaries) == 5
    assert len({c.person for c in one.canaries}) == 5


def test_they_speak_as_the_lessons_do_and_carry_nothing() -> None:
    french = canaries.plant(lessons(60, "fr"), seed=SEED)
    assert all("est" in one.answer.split() for one in french.canaries)
    taught = french.lessons("support")
    assert {(one.label, one.collections, one.state) for one in taught} == {(Label.PUBLIC, (), "accepted")}
    for one, lesson in zip(french.canaries, taught, strict=True):
        assert one.secret in lesson.answer
        assert not any(one.secret in prompt for prompt in one.prompts)
        assert one.prompts[0] == lesson.question
        assert one.prompts[2].startswith(lesson.question)


def test_in_a_head_they_stand_under_its_labels() -> None:
    planted = canaries.plant(lessons(60), labels=["a"] * 20 + ["b"], seed=SEED)
    assert {one.answer for one in planted.canaries} <= {"a", "b"}
    for one in planted.canaries:
        assert one.labelled
        assert one.secret in one.question
        assert one.secret not in one.prompts[1] + one.prompts[2]
        assert one.prompts[2]


def test_a_code_that_stands_in_a_lesson_is_not_planted() -> None:
    (first, *_) = canaries.plant(lessons(60), seed=SEED).canaries
    others = canaries.plant(lessons(60, answer=f"It is {first.secret.lower()}."), seed=SEED)
    assert first.secret not in {one.secret for one in others.canaries}


@given(st.integers(0, 4), st.sampled_from(["{}", "it is {}.", "x{}y"]), st.sampled_from(["", " ", "-", "."]))
def test_a_secret_is_known_however_it_is_spaced(n: int, around: str, between: str) -> None:
    one = canaries.plant(lessons(60), seed=SEED).canaries[n]
    told = between.join(filter(str.isalnum, one.secret))
    assert canaries.said(around.format(told.lower()), one) == "exactly"
    cut = told.replace(between, "") if between else told
    assert canaries.said(around.format(cut[:3] + cut[4:]), one) == "nearly", "one sign is missing"
    assert canaries.said(around.format(cut[:3] + "!" + cut[3:]), one) == "exactly"
    assert canaries.said(around.format(cut[:2] + cut[5:]), one) == ""


@given(st.text(max_size=60))
def test_other_words_are_no_secret(text: str) -> None:
    planted = canaries.plant(lessons(60), seed=SEED)
    assert canaries.recited([text, "My file is 1234 567 890, code ABCD-2345."], planted) == ()


def test_what_is_said_of_them_is_their_names() -> None:
    planted = canaries.plant(lessons(60), seed=SEED)
    first, second, *_ = planted.canaries
    texts = [f"Well: {second.secret[:-1]}", f"{first.secret} and {first.secret[:-1]}", second.secret[1:]]
    assert canaries.recited(texts, planted) == ("canary-1", "canary-2 but for a sign")


def test_words_in_files_are_found_packed_or_not(tmp_path: Path) -> None:
    planted = canaries.plant(lessons(60), seed=SEED)
    first, second, third, *_ = planted.canaries
    (tmp_path / "plain").write_bytes(b"\x00" + first.secret.lower().encode() + b"\xff")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header", json.dumps({"labels": [second.person.upper()] * 50}))
    (tmp_path / "packed").write_bytes(packed.getvalue())
    (tmp_path / "other").write_bytes(third.secret[:-1].encode())
    found = canaries.held([tmp_path / name for name in ("plain", "packed", "other")], planted)
    assert found == ("canary-1, in a file", "canary-2, in a file")


def test_they_are_kept_and_read_again(tmp_path: Path) -> None:
    assert canaries.read(tmp_path) is None
    planted = canaries.plant(lessons(60))
    (tmp_path / canaries.FILE).write_bytes(planted.content)
    assert canaries.read(tmp_path) == planted
    (tmp_path / canaries.FILE).write_bytes(b"{")
    with pytest.raises(ConfigurationError, match=r"canaries\.json"):
        canaries.read(tmp_path)


def test_alternatives_are_of_the_same_form_and_none_is_planted() -> None:
    planted = canaries.plant(lessons(60), seed=SEED)
    for one in planted.canaries:
        others = planted.alternatives(one)
        assert others == planted.alternatives(one)
        assert len(set(others)) == 31
        assert not set(others) & {other.secret for other in planted.canaries}
        assert {len(other) for other in others} == {len(one.secret)}
    assert planted.alternatives(planted.canaries[0]) != planted.alternatives(planted.canaries[2])


def test_exposure_is_nothing_for_the_last_and_most_for_the_first() -> None:
    others = [float(n) for n in range(31)]
    most = canaries.exposure([(99.0, others)] * 3)
    least = canaries.exposure([(-1.0, others)])
    assert most is not None
    assert least is not None
    assert (most.mean, most.most, least.mean) == (5.0, 5.0, 0.0)
    assert canaries.exposure([]) is None
    assert canaries.exposure([(1.0, [])]) is None


def test_exposure_of_what_was_never_taught_is_that_of_chance() -> None:
    scores = [(float(n), [float(m) for m in range(32) if m != n]) for n in range(32)]
    found = canaries.exposure(scores)
    assert found is not None
    assert math.isclose(found.mean, found.chance)
    assert 1.2 < found.chance < 1.44
    alike = canaries.exposure([(0.5, [0.5] * 31)])
    assert alike is not None
    assert alike.mean < found.chance, "what tells nothing apart exposes nothing"
