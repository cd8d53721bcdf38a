"""What every recogniser must do: subclass `RecogniserSuite`, give it a `recogniser` and some `samples`.

    class TestMine(RecogniserSuite):
        samples = ("badge [[BADGE|B12]] lost", "no [[BADGE|B7]], no [[BADGE|B8]]")
        hostile = ("B1", "B1 ", "B")

        @pytest.fixture
        def recogniser(self):
            return build(Redaction())

A sample marks what must be found in it. `hostile` are short texts that are repeated until they are long: those that
could make this recogniser slow, beside the suite's own.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Sequence

import pytest

from palier.interfaces import Entity, Recogniser
from palier.privacy.placeholders import TYPE

_MARK = re.compile(r"\[\[([A-Z0-9_]+)\|([^\[\]]+)\]\]")
SHORT, LONG = 4_000, 32_000
MOST_TIMES = 20
"""As long as `LONG` may take, in times of `SHORT`: 8 where it is linear, 64 where it is quadratic."""
NOTICEABLE = 0.002
"""Seconds below which no time is told from another."""
HOSTILE = (
    *(
        "a",
        "A",
        "Aa ",
        "aa ",
        "1",
        "1 ",
        "12 ",
        "1-",
        "0.",
        "@",
        "a@",
        "a@a.",
        "(",
        "[",
        ":",
        "::",
        "\\",
        "\n",
        " ",
        ", ",
    ),
    *(
        "é",
        "д",
        "字",
        "\ud800",
        "İ",
        "ß",
        "A.",
        "A. ",
        "d'",
        "12 rue A ",
        "06 ",
        "+33 ",
        "FR76 ",
        "née 1/1/85 ",
        "Aa\n",
    ),
)
STRANGE = ("", " ", "\n\n\t", "\ud800\udfff", "\u0130\u0131ßﬁ", "a" * 5_000, "\x00", "🙂 12 🙂", "((((", "1" * 500)


class RecogniserSuite:
    """The contract of `interfaces.Recogniser`."""

    samples: Sequence[str] = ()
    hostile: Sequence[str] = ()

    def test_there_are_samples(self) -> None:
        assert self.samples, "a suite without samples says little"

    def test_types_are_names_of_types(self, recogniser: Recogniser) -> None:
        assert recogniser.types
        assert all(TYPE.fullmatch(name) for name in recogniser.types), recogniser.types

    def test_every_type_has_a_sample(self, recogniser: Recogniser) -> None:
        marked_types = {kind for sample in self.samples for kind, _ in marks(sample)}
        assert marked_types == set(recogniser.types)

    def test_what_a_sample_marks_is_found(self, recogniser: Recogniser) -> None:
        for sample in self.samples:
            text = _MARK.sub(r"\2", sample)
            found = {(entity.type, entity.text) for entity in recogniser.find(text) if entity.score >= 0.5}
            assert set(marks(sample)) <= found, text

    def test_what_is_found_stands_in_the_text(self, recogniser: Recogniser) -> None:
        for text in self.texts():
            for entity in recogniser.find(text):
                check(entity, text, recogniser.types)

    def test_a_text_says_nothing_of_the_next(self, recogniser: Recogniser) -> None:
        texts = [*self.texts(), *reversed(self.texts())]
        first = {text: sorted(recogniser.find(text), key=repr) for text in self.texts()}
        for text in texts:
            assert sorted(recogniser.find(text), key=repr) == first[text]

    def test_two_texts_may_be_read_at_once(self, recogniser: Recogniser) -> None:
        """One entity of each in turn."""
        texts = self.texts()
        whole = [list(recogniser.find(text)) for text in texts]
        taken: list[list[Entity]] = [[] for _ in texts]
        for turn in itertools.zip_longest(*map(recogniser.find, texts)):
            for one, so_far in zip(turn, taken, strict=True):
                so_far += [one] if one else []
        assert taken == whole

    def test_what_stands_around_is_not_touched(self, recogniser: Recogniser) -> None:
        """What is found in a sample is found, at its place, after other lines."""
        before = "Rien de particulier.\n\n"
        for sample in self.samples:
            text = before + _MARK.sub(r"\2", sample)
            found = {(e.type, e.text) for e in recogniser.find(text) if e.score >= 0.5 and e.start >= len(before)}
            assert set(marks(sample)) <= found, text

    @pytest.mark.parametrize("unit", HOSTILE)
    def test_the_time_is_linear(self, recogniser: Recogniser, unit: str) -> None:
        assert_linear(recogniser, unit)

    def test_the_time_is_linear_where_it_was_said_to_be_hard(self, recogniser: Recogniser) -> None:
        for unit in (*self.hostile, *(_MARK.sub(r"\2", sample) + " " for sample in self.samples)):
            assert_linear(recogniser, unit)

    def texts(self) -> list[str]:
        """The samples without marks, alone and together, and strange ones."""
        plain = [_MARK.sub(r"\2", sample) for sample in self.samples]
        joined = ["\n".join(plain), " ".join(plain), "".join(plain)]
        return list(dict.fromkeys((*plain, *joined, *map(str.lower, plain), *map(str.upper, plain), *STRANGE)))


def marks(sample: str) -> list[tuple[str, str]]:
    """(type, text) of what `sample` marks."""
    return [(mark[1], mark[2]) for mark in _MARK.finditer(sample)]


def check(entity: Entity, text: str, types: Sequence[str]) -> None:
    """Fails where `entity` is not of `text` and of one of `types`."""
    assert entity.type in types
    assert 0 <= entity.start < entity.end <= len(text)
    assert entity.text == text[entity.start : entity.end]
    assert 0 <= entity.score <= 1


def assert_linear(recogniser: Recogniser, unit: str) -> None:
    """Fails where eight times the text takes more than `MOST_TIMES` as long, thrice: a machine may be busy once."""
    for _ in range(3):
        short, long = (_seconds(recogniser, unit * (size // len(unit))) for size in (SHORT, LONG))
        if long < MOST_TIMES * max(short, NOTICEABLE):
            return
    raise AssertionError(f"{unit!r}: {short:.4f} s, then {long:.4f} s")


def _seconds(recogniser: Recogniser, text: str) -> float:
    started = time.process_time()
    for _ in recogniser.find(text):
        pass
    return time.process_time() - started
