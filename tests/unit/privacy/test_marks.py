"""What a text is marked by, and what is no mark."""

from __future__ import annotations

import time

import pytest

from palier.privacy.disguises import undisguised
from palier.privacy.fingerprints import FingerprintMarker
from palier.privacy.marks import fold, pieces_of, probes_of


def tokens_of(text: str) -> set[str]:
    return {piece for piece in pieces_of(text) if " " not in piece}


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("le code est KES-4471Q", {"kes4471q"}),
        ("KES-4471-QTZ-9920", {"kes4471qtz99", "es4471qtz992", "s4471qtz9920"}),
        ("au 06 12 34 56 78.", {"0612345678"}),
        ("tel.06.12.34.56.78", {"0612345678", "tel061234567", "el0612345678"}),
        ("d'AT-118302", {"dat118302", "at118302"}),
        ("n° AT-118302, d'accord", {"at118302"}),
        ("१२३४५६७८", {"12345678"}),
        ("ＡＢ１２３４５６", {"ab123456"}),
        ("4471", set()),
        ("internationalisation", set()),
    ],
)
def test_tokens(text: str, tokens: set[str]) -> None:
    assert tokens_of(text) == tokens


@pytest.mark.parametrize(
    "text",
    [
        "26/11/2024",
        "2024-11-26",
        "2024-11-26T14:30:05Z",
        "26.11.2024 14 h 30",
        "11/26/2024",
        "2023-2024",
        "2022 2023 2024",
    ],
)
def test_dates_and_times_alone_are_no_token(text: str) -> None:
    assert tokens_of(f"le {text}, au matin") == set()


@pytest.mark.parametrize("text", ["01 02 03 04 05", "20241126", "2024-11-26-0042", "39/14/2024", "26/11/2024 99 887"])
def test_what_only_looks_like_a_date_is_a_token(text: str) -> None:
    assert tokens_of(text)


def test_words_are_known_by_eight_and_a_short_text_whole() -> None:
    assert pieces_of("un deux trois") == set()
    assert pieces_of("Un, deux ; trois - QUATRE !") == {"un deux trois quatre"}
    assert len(pieces_of("a b c d e f g h i j")) == 3
    assert "il me faut cela" in (probes_of("Bonjour. Il me faut cela ! Merci.", 100) or ())


def test_case_accents_look_alikes_and_what_is_invisible_do_not_count() -> None:
    assert fold("É\u0301tÉ ‘À\u200b’ — Ⅷ ﬁn") == "ete 'a' - viii fin"
    assert fold("КЕЅ-4471") == fold("KES-4471") == "kes-4471"


def test_a_token_is_probed_wherever_letters_and_numbers_meet() -> None:
    for said in ("x0612345678y", "06, 12 (34) 56\n78", "0 6 1 2 3 4 5 6 7 8", "le 4 : 06 12 34 56 78 et 2"):
        assert "0612345678" in (probes_of(said, 1000) or ())


def test_a_very_long_text_is_marked_block_by_block_as_it_would_be_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    marker = FingerprintMarker(b"k")
    text = " ".join(f"mot{chr(97 + i % 26)}{chr(97 + i // 26 % 26)} AT-{i:06d}-{i * 7:05d}" for i in range(600))
    whole = marker([text])
    monkeypatch.setattr("palier.privacy.fingerprints.BLOCK", 1_500)
    monkeypatch.setattr("palier.privacy.fingerprints.OVERLAP", 300)
    parts = marker([text])
    eight = lambda packed: {packed[i : i + 8] for i in range(0, len(packed), 8)}  # noqa: E731
    assert eight(whole) <= eight(parts)
    assert len(eight(parts)) < len(eight(whole)) * 1.05, "and little that a cut made"


@pytest.mark.parametrize(
    "hostile",
    [
        "1 " * 50_000,
        "2024 1 1 " * 10_000,
        "a" + " " * 50_000 + "b",
        "a1-" * 30_000,
        "%" * 50_000,
        "&" * 50_000,
        "\\" * 50_000,
        "A" * 100_000,
        "- a" * 30_000,
        "\u0301" * 50_000,
        "0x" * 50_000,
        "\ufdfa" * 3_000,
    ],
    ids=lambda text: repr(text[:4]),
)
def test_work_grows_with_the_text_and_no_faster(hostile: str) -> None:
    def seconds(text: str) -> float:
        started = time.process_time()
        pieces_of(text)
        for layer in undisguised(text):
            if probes_of(layer, 1_000_000) is None:
                break
        return time.process_time() - started

    seconds(hostile[:100])
    quarter, whole = seconds(hostile[: len(hostile) // 4]), seconds(hostile)
    assert whole < 0.5 + 8 * quarter
    assert whole < 20
