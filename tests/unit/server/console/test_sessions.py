"""Sessions are few, end in time, and belong to who opened them; sign-ins that fail are counted."""

from __future__ import annotations

import pytest

from palier.errors import Busy
from palier.server.console import sessions as module
from palier.server.console.sessions import MAX_OF_ONE, TRIES, TRIES_IN_ALL, WINDOW_S, Reading, Sessions, Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_session_is_found_by_its_cookie_until_it_ends() -> None:
    clock = Clock()
    sessions = Sessions(60.0, clock)
    token, session = sessions.begin(key=b"k")
    assert sessions.find(token) is session
    assert sessions.find(token + "x") is None
    assert session.owns(session.csrf)
    assert not session.owns("")
    assert token not in repr(vars(sessions)), "the cookie itself is not kept"
    clock.now += 60.0
    assert sessions.find(token) is None
    assert len(sessions) == 0


def test_one_key_has_so_many_sessions_and_the_one_longest_not_seen_leaves() -> None:
    sessions = Sessions(60.0, Clock())
    other, _ = sessions.begin(key=b"other")
    tokens = [sessions.begin(key=b"k")[0] for _ in range(MAX_OF_ONE)]
    assert sessions.find(tokens[0])
    sessions.begin(key=b"k")
    assert sessions.find(tokens[1]) is None
    assert sessions.find(tokens[0])
    assert sessions.find(other)


def test_all_keys_together_have_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SESSIONS", 3)
    sessions = Sessions(60.0, Clock())
    tokens = [sessions.begin(user=f"u{n}")[0] for n in range(5)]
    assert [sessions.find(token) is not None for token in tokens] == [False, False, True, True, True]


def test_an_address_fails_so_often_and_then_waits() -> None:
    clock = Clock()
    throttle = Throttle(clock)
    said = [throttle.failed("10.0.0.1") for _ in range(TRIES)]
    assert said == [False] * (TRIES - 1) + [True]
    with pytest.raises(Busy) as caught:
        throttle.check("10.0.0.1")
    assert 0 < (caught.value.retry_after or 0) <= WINDOW_S
    throttle.check("10.0.0.2")
    clock.now += WINDOW_S
    throttle.check("10.0.0.1")


def test_all_addresses_together_fail_so_often() -> None:
    throttle = Throttle(Clock())
    for n in range(TRIES_IN_ALL):
        throttle.failed(f"10.0.{n}.1")
    with pytest.raises(Busy):
        throttle.check("192.0.2.1")


def test_how_far_a_file_of_several_batches_is_never_goes_back() -> None:
    reading, seen = Reading(), []
    for done, total in ((0, 300), (256, 300), (300, 300), (0, 40), (40, 40), (0, 7), (7, 7)):
        reading.told(done, total)
        seen.append((reading.done, reading.total))
    assert seen == [(0, 300), (256, 300), (300, 300), (300, 0), (340, 0), (340, 0), (347, 0)]
