"""The marked sets: as many as promised, all different, every number as valid as its mark says."""

import re
from collections import Counter

import pytest
from benchmarks.marked import EITHER, PATTERNS, TYPES, Span, load, read, spans_of
from benchmarks.spans import count, figures, matched, total, weights
from stdnum import iban, luhn
from stdnum.fr import nir, siren, siret

SETS = {"fr": 520, "en": 80}
CHECKED = {
    "IBAN": iban.is_valid,
    "NIR": nir.is_valid,
    "SIREN": siren.is_valid,
    "SIRET": siret.is_valid,
    "CARD": luhn.is_valid,
    "IMEI": luhn.is_valid,
    "ICCID": luhn.is_valid,
}
LENGTHS = {"IMEI": {15}, "IMSI": {15}, "ICCID": {19, 20}, "CARD": {15, 16}, "NIR": {15}, "SIREN": {9}, "SIRET": {14}}
TITLED = re.compile(r"(?i)(M\.|MM\.|Mmes?|Mr|Mrs|Ms|Dr|Docteur|Ma[iî]tre|Mlle|Madame|Monsieur)(?=\s)")
SHAPES = {
    "EMAIL": re.compile(r"[^\s@]+@[^\s@]+\.example", re.IGNORECASE),
    "IP": re.compile(r"(192\.0\.2|198\.51\.100|203\.0\.113|192\.168\.\d+|10\.\d+\.\d+)\.\d+|2001:db8:[0-9a-f:]+"),
    "CUSTOMER": re.compile(PATTERNS["CUSTOMER"]),
}
FICTION = re.compile(
    r"(33)?0?(19900|26191|35301|46571|53649|63998)\d{4}|0?2079460\d{3}|0?131496\d{4}|0?161496\d{4}"
    r"|(44)?0?7700900\d{3}|1?\d{3}55501\d\d|1800555\d{4}|(32|41)\d{1,3}555\d{4}|351912345678"
)


def marked(language):
    return [(row, span, row.text[span.start : span.end]) for row in load(language) for span in row.spans]


@pytest.mark.parametrize(("language", "least"), SETS.items())
def test_enough_rows_all_different(language, least):
    rows = load(language)
    assert len(rows) >= least
    assert len({row.text.casefold() for row in rows}) == len(rows)
    assert len({row.id for row in rows}) == len(rows)
    assert len(load(language, "dev")) + len(load(language, "test")) == len(rows)
    without = sum(not row.spans for row in rows)
    assert 0.2 < without / len(rows) < 0.4


def test_no_value_stands_in_both_splits():
    for language in SETS:
        values = {
            split: {(s.type, row.text[s.start : s.end]) for row in load(language, split) for s in row.spans}
            for split in ("dev", "test")
        }
        assert not values["dev"] & values["test"]


def test_every_type_is_in_the_french_test_split():
    kinds = Counter(span.type for row in load("fr", "test") for span in row.spans)
    assert set(kinds) == set(TYPES) - {"US_SSN"}
    assert min(kinds.values()) >= 4


@pytest.mark.parametrize("language", SETS)
def test_numbers_are_valid(language):
    for row, span, value in marked(language):
        number = re.sub(r"[\s.-]", "", value)
        assert CHECKED.get(span.type, bool)(number), f"{row.id}: {span.type} {value}"
        assert len(number) in LENGTHS.get(span.type, {len(number)}), f"{row.id}: {span.type} {value}"


@pytest.mark.parametrize("language", SETS)
def test_shapes_and_ranges(language):
    for row, span, value in marked(language):
        if span.type in SHAPES:
            assert SHAPES[span.type].fullmatch(value), f"{row.id}: {value}"
        digits = re.sub(r"\D", "", value.replace("(0)", ""))
        if span.type == "PHONE" and digits:
            assert FICTION.fullmatch(digits), f"{row.id}: {value}"
        assert value == value.strip(" ,;:"), f"{row.id}: {value!r}"
        assert span.type != "PERSON" or not TITLED.match(value), f"{row.id}: {value}"


@pytest.mark.parametrize("language", SETS)
def test_what_is_not_marked_has_no_number_that_is_valid(language):
    """A forgotten mark would make a right answer wrong."""
    numbers = re.compile(r"(?<!\w)[\d][\d .-]{11,}\d(?!\w)")
    for row in load(language):
        for found in numbers.finditer(row.text):
            digits = re.sub(r"\D", "", found[0])
            spans = (*row.spans, *row.either)
            if any(
                span.start <= found.start() < span.end or found.start() <= span.start < found.end() for span in spans
            ):
                continue
            assert not (len(digits) in (14, 15, 16) and luhn.is_valid(digits)), f"{row.id}: {found[0]}"
            assert not (len(digits) == 15 and nir.is_valid(digits)), f"{row.id}: {found[0]}"


def test_reading_marks():
    row = read("x", "Je suis [[PERSON|Anne]], [[~|29600]].")
    assert row.text == "Je suis Anne, 29600."
    assert row.spans == (Span("PERSON", 8, 12),)
    assert row.either == (Span(EITHER, 14, 19),)
    for broken in ("[[PERSON|Anne", "[[NOBODY|Anne]]", "Anne]]"):
        with pytest.raises(ValueError, match="x: a mark"):
            read("x", broken)


def test_a_span_counts_once_and_half_is_enough():
    row = read("x", "[[PERSON|Anne Le Goff]] et [[PERSON|Luc]]")
    first, second = row.spans
    assert matched(row, [Span("PERSON", 0, 7)]) == [(first, Span("PERSON", 0, 7))]
    assert matched(row, [Span("PERSON", 0, 4)]) == []
    assert matched(row, [Span("PERSON", 0, 7)], exact=True) == []
    assert len(matched(row, [Span("PERSON", 0, 7), Span("PERSON", 0, 12)])) == 1
    assert matched(row, [Span("EMAIL", second.start, second.end)]) == []


def test_pieces_of_an_address_are_joined_and_what_may_be_found_is_left_out():
    row = read("x", "[[ADDRESS|7 rue du Port, 29200 Brest]] [[~|Quimper]]")
    found = [Span("ADDRESS", 0, 13), Span("ADDRESS", 15, 26), Span("ADDRESS", 27, 34)]
    counts = count([row], [found])
    assert counts["ADDRESS"].tolist() == [[1, 0, 0]]


def test_titles_are_taken_off_and_small_pieces_of_addresses_are_only_missed():
    row = read("x", "Le docteur [[PERSON|Bui]], M. [[PERSON|Ba]], [[ADDRESS|7 rue du Port, 29200 Brest]]")
    found = [Span("PERSON", 3, 14), Span("PERSON", 16, 21), Span("ADDRESS", 44, 49)]
    counts = count([row], [found])
    assert counts["PERSON"].tolist() == [[2, 0, 0]]
    assert counts["ADDRESS"].tolist() == [[0, 0, 1]]


def test_figures():
    rows = [read("a", "[[PERSON|Anne]]"), read("b", "Brest"), read("c", "[[PERSON|Luc]] [[EMAIL|a@b.example]]")]
    counts = count(rows, [[Span("PERSON", 0, 4)], [Span("PERSON", 0, 5)], [Span("PERSON", 0, 3)]])
    drawn = weights(["a", "b", "c"])
    assert drawn.sum(1).tolist() == [3.0] * len(drawn)
    person = figures(counts["PERSON"], drawn)
    assert (person["precision"], person["recall"], person["f2"]) == (0.667, 1.0, 0.909)
    everything = figures(total(counts, ["PERSON", "EMAIL"]), drawn)
    assert (everything["there"], everything["found"]) == (3, 3)
    assert everything["f2"] == 0.667
    low, high = everything["f2_interval"]
    assert low <= 0.667 <= high


def test_parts_of_a_public_address_are_one_span():
    text = "12 Elm Row\n Apt. 3\n Ghent\n Belgium 9000, Ada"
    parts = [
        ("STREET_ADDRESS", "12 Elm Row\n Apt. 3"),
        ("GPE", "Ghent"),
        ("GPE", "Belgium"),
        ("STREET_ADDRESS", "9000"),
    ]
    row = {
        "full_text": text,
        "spans": [
            {"entity_type": kind, "start_position": text.index(part), "end_position": text.index(part) + len(part)}
            for kind, part in [*parts, ("PERSON", "Ada")]
        ],
    }
    assert spans_of(row) == (Span("ADDRESS", 0, text.index(", Ada")), Span("PERSON", len(text) - 3, len(text)))
