"""Ids of requests: unique, and in order of time."""

from __future__ import annotations

import re
import time

from palier.ids import new_id


def test_ids_are_unique_and_of_one_form() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{24}", name) for name in ids)


def test_a_later_id_is_greater() -> None:
    first = new_id()
    time.sleep(0.003)
    assert new_id() > first


def test_an_id_tells_when_it_was_made() -> None:
    assert abs(int(new_id()[:12], 16) / 1000 - time.time()) < 5
