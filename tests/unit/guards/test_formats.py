"""Numbers, dates and amounts as they are to be written."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palier.config import Guard
from palier.guards.form import Form
from palier.guards.formats import Formats, wrong
from palier.interfaces.guarding import Context


def reasons(text: str, **formats: str) -> list[tuple[str, str]]:
    return [(figure.text, reason) for figure, reason in wrong(text, Formats(**formats))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("formats", "good", "bad", "found"),
    [
        ({"numbers": "fr"}, "Il y a 1\u202f234,5 km, 12 % et 3 millions.", "Il y a 1,234.5 km.", "1,234.5"),
        ({"numbers": "en"}, "It is 1,234.5 km, 12% and 3 million.", "It is 1 234,5 km.", "1 234,5"),
        ({"numbers": "fr"}, "Il fait -3,5 degrés.", "Il fait -3.5 degrés.", "-3.5"),
        ({"amounts": "fr"}, "Cela coûte 29,99 € ou 1 200 euros.", "Cela coûte €29.99.", "€29.99"),
        ({"amounts": "fr"}, "29 € 99 par mois", "29.99 € par mois", "29.99 €"),
        ({"amounts": "en"}, "It is €1,200.50 or 30 euros.", "It is 29,99 €.", "29,99 €"),
        ({"dates": "iso"}, "Le 2026-11-26, à 15 h 30.", "Le 26/11/2026.", "26/11/2026"),
        ({"dates": "fr"}, "Le 26/11/2026, le 1er mars 2026, en août 2026.", "Le 2026-11-26.", "2026-11-26"),
        ({"dates": "fr"}, "le 3 février", "on 3 February", "3 February"),
        ({"dates": "en"}, "On November 26, 2026 or 26 November.", "Le 26 novembre 2026.", "26 novembre 2026"),
    ],
)
def test_each_way(formats: dict[str, str], good: str, bad: str, found: str) -> None:
    assert reasons(good, **formats) == []
    assert [text for text, _ in reasons(bad, **formats)] == [found]


def test_what_is_no_day_is_wrong_however_it_is_written() -> None:
    for text, way in (("2026-02-30", "iso"), ("31/04/2026", "fr"), ("31 June 2026", "en"), ("2026-13", "iso")):
        assert [reason for _, reason in reasons(f"On {text}.", dates=way)] == ["a date is no day of the calendar"]
    assert reasons("le 29 février", dates="fr") == []


def test_nothing_is_asked_of_what_is_not_set() -> None:
    assert reasons("€29.99 on 26/11/2026, 1,234.5 km") == []


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_every_day_passes_in_its_own_way_and_no_other(day: date) -> None:
    assert reasons(f"On {day.isoformat()}.", dates="iso") == []
    assert reasons(f"Le {day:%d/%m/%Y}.", dates="fr") == []
    assert len(reasons(f"On {day.isoformat()}.", dates="fr")) == 1
    assert len(reasons(f"On {day:%d/%m/%Y}.", dates="iso")) == 1


@given(st.integers(1_000, 10**9), st.integers(1, 99))
def test_every_amount_passes_in_its_own_way(euros: int, cents: int) -> None:
    english = f"€{euros:,}.{cents:02d}"
    french = f"{euros:,}".replace(",", "\u202f") + f",{cents:02d}\u00a0€"
    for way, good, bad in (("fr", french, english), ("en", english, french)):
        assert reasons(f"x {good} y", amounts=way) == []
        assert len(reasons(f"x {bad} y", amounts=way)) == 1


@given(st.text(max_size=200))
async def test_any_text_has_a_verdict_whose_spans_lie_in_it(text: str) -> None:
    guard = Form("f", Guard(kind="form", numbers="fr", dates="iso", amounts="fr"))
    for span in (await guard.check(text, Context())).spans:
        assert 0 <= span.start <= span.end <= len(text)
