"""What was asked and spent is known after any end, and no word of it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from palier.errors import StoreError
from palier.training.synthesis_log import DAY_S, Log


def test_it_is_known_again_what_was_done_and_spent(tmp_path: Path) -> None:
    path = tmp_path / "synthesis" / "log.jsonl"
    log = Log(path, b"key")
    assert (log.spent(), log.done("a")) == ((0, 0.0), False)
    log.called("a", 0.5)
    log.called("b", 0.25)
    log.finish("a")
    for one in (log, Log(path, b"key")):
        assert one.spent() == (2, 0.75)
        assert (one.done("a"), one.done("b")) == (True, False)
    assert not Log(path, b"other").done("a"), "nobody without the key knows what it is of"


def test_what_is_not_known_makes_the_whole_unknown(tmp_path: Path) -> None:
    log = Log(tmp_path / "log", b"key")
    log.called("a", 0.5)
    log.called("a", None)
    assert log.spent() == (2, None)


def test_what_was_spent_counts_for_a_day(tmp_path: Path) -> None:
    import time

    log = Log(tmp_path / "log", b"key")
    log.called("a", 0.5)
    log.finish("a")
    assert log.spent(time.time() + DAY_S + 1) == (0, 0)
    assert log.done("a")


def test_a_line_that_a_kill_cut_short_is_none(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = Log(path, b"key")
    log.called("a", 0.5)
    log.finish("a")
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        again = Log(path, b"key")
        again.called("b", 0.25)
        assert again.spent()[0] == min(whole[:cut].count(b"\n"), 1) + 1
        assert path.read_bytes().endswith(b"\n")
        assert Log(path, b"key").spent() == again.spent()


def test_where_it_cannot_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="log"):
        Log(tmp_path / "file" / "log", b"key")
