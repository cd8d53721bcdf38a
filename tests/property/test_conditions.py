"""A condition that is written out reads as itself, and none makes the parser fall over."""

from __future__ import annotations

import contextlib
import string

from hypothesis import given
from hypothesis import strategies as st

from palier.errors import ConfigurationError
from palier.evals.reports.conditions import Threshold, Told, parse

NAMES = st.text(alphabet=string.ascii_letters + string.digits + "_.@-éß", min_size=1, max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
THRESHOLDS = st.builds(
    Threshold, path=NAMES, op=st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), number=NUMBERS, percent=st.booleans()
)
TOLD = st.builds(
    Told, subject=st.just("") | NAMES, word=st.sampled_from(["worse", "not better"]), than=st.just("") | NAMES
)


@given(THRESHOLDS | TOLD)
def test_what_is_written_out_reads_as_itself(condition: Threshold | Told) -> None:
    assert parse(str(condition)) == condition


@given(st.text(max_size=60) | st.text(alphabet="quality.low<>=!%0123456789 worsethan", max_size=40))
def test_any_text_is_a_condition_or_an_error_that_says_so(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        found = parse(text)
        assert parse(str(found)) == found
