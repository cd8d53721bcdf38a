"""Which records something was fitted on: told without reading them, and never denied."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.judged import lines, rows

from palier.calibrate import calibrate, read
from palier.ids import new_id
from palier.routing.fitting import Aim
from palier.routing.seen import BYTES, Seen

IDS = st.lists(st.text(st.characters(), max_size=20), max_size=30)


@given(IDS, IDS)
def test_none_is_denied_and_none_is_named_wrongly(fitted: list[str], others: list[str]) -> None:
    seen = Seen.of(fitted)
    assert seen.among(fitted) == fitted
    assert seen.among(others) == [name for name in others if name in fitted]
    assert Seen.of(reversed(fitted)) == seen
    assert msgspec.json.decode(msgspec.json.encode(seen), type=Seen) == seen


def test_it_is_small_and_does_not_hold_the_ids() -> None:
    ids = [new_id() for _ in range(5_000)]
    seen = Seen.of(ids)
    written = msgspec.json.encode(seen)
    assert len(written) < 5_000 * 7
    assert not any(name.encode() in written for name in ids)
    assert seen.among(new_id() for _ in range(5_000)) == []


def test_two_files_cannot_be_joined() -> None:
    one, two = (Seen.of(["shared", other]) for other in ("a", "b"))
    digests = [{seen.digests[i : i + BYTES] for i in range(0, len(seen.digests), BYTES)} for seen in (one, two)]
    assert not digests[0] & digests[1]


@pytest.mark.parametrize("parts", [(b"", b""), (b"salt", b"1234"), (b"s" * 65, b"")])
def test_parts_that_do_not_fit_are_refused(parts: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="seen"):
        Seen(salt=parts[0], digests=parts[1])


def test_a_policy_says_what_it_was_fitted_on() -> None:
    policy = calibrate(read(lines(rows(300))), Aim(0.25, 0.9)).policy
    assert policy is not None
    assert policy.seen is not None
    assert policy.seen.among(["q0-0", "q0-299", "q0-300"]) == ["q0-0", "q0-299"]
