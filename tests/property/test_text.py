"""Laws of text analysis."""

import calendar
import datetime
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from palier.text import detect, figures, fold, sentences, terms, tokens, windows
from palier.text.sentences import LONGEST

prose = st.text(
    alphabet=st.one_of(st.sampled_from("aeéà zZ.!?,;:'’\n\t-#|*0123456789€()[]«»\u00a0\u202f"), st.characters()),
    max_size=600,
)


@given(prose)
def test_sentences_are_ordered_trimmed_and_leave_nothing_out(text):
    last = 0
    for start, end in sentences(text):
        assert last <= start < end <= len(text)
        assert text[last:start].strip() == ""
        assert end - start <= LONGEST
        assert text[start:end] == text[start:end].strip()
        last = end
    assert text[last:].strip() == ""


@settings(deadline=None)
@given(prose, st.integers(0, 2_000), st.integers(1, LONGEST // 2))
def test_what_is_short_stands_whole_in_a_window_of_a_sentence_that_was_cut(text, start, length):
    endless = ("".join(text.split()) + "word, " * 400).replace(".", "").replace("!", "").replace("?", "")
    found = windows(endless)
    assert list(found[: len(sentences(endless))]) == sentences(endless)
    assert all(0 <= a < b <= len(endless) and b - a <= LONGEST for a, b in found)
    if len(found) == 2 * len(sentences(endless)) - 1:  # one sentence, of so many pieces
        stretch = endless[start : start + length].strip()
        place = endless.find(stretch, start)
        assert any(a <= place and place + len(stretch) <= b for a, b in found)


@given(prose | st.text())
def test_folding_is_what_unicode_says_it_is(text):
    plain = unicodedata.normalize("NFKC", text).casefold()
    for written, read in zip("œæøłđ\u2019\u02bc", ("oe", "ae", "o", "l", "d", "'", "'"), strict=True):
        plain = plain.replace(written, read)
    apart = plain if plain.isascii() else unicodedata.normalize("NFD", plain)
    assert fold(text) == "".join(c for c in apart if not unicodedata.combining(c))


@given(prose)
def test_tokens_are_folded_and_stable(text):
    for token in tokens(text):
        assert token
        assert " " not in token
        assert fold(token) == token


@given(prose)
def test_case_does_not_matter_to_ascii(text):
    plain = text.encode("ascii", "ignore").decode()
    assert tokens(plain.upper()) == tokens(plain.lower())


@given(prose, st.sampled_from(["fr", "en", "de", "", "xx"]))
def test_terms_are_never_more_than_tokens(text, language):
    found = terms(text, language)
    assert len(found) <= len(tokens(text))
    assert all(found)


@given(prose)
def test_figures_are_in_order_and_apart(text):
    last = 0
    for figure in figures(text):
        assert figure.start >= last
        assert figure.text
        assert figure.value
        last = figure.start + len(figure.text)


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_an_amount_is_the_same_in_french_and_in_english(euros, cents):
    french = f"{euros:,}".replace(",", "\u202f") + f",{cents:02d} €"
    english = f"€{euros:,}.{cents:02d}"
    assert [f.value for f in figures(french)] == [f.value for f in figures(english)] != []


@given(st.dates(min_value=datetime.date(1000, 1, 1)))
def test_a_date_is_the_same_in_words_and_in_digits(day):
    words = f"{calendar.month_name[day.month]} {day.day}, {day.year:04d}"
    assert [f.value for f in figures(words)] == [day.isoformat()]
    assert [f.value for f in figures(day.isoformat())] == [day.isoformat()]
    assert [f.value for f in figures(f"{day.day:02d}/{day.month:02d}/{day.year:04d}")] == [day.isoformat()]


@given(prose, st.sampled_from(["", "fr", "en"]))
def test_detect_always_answers(text, default):
    assert len(detect(text, default)) in (0, 2)
