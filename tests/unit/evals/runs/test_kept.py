"""What is finished is kept, whole lines only, for its owner alone."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from palier.cases import Outcome
from palier.errors import ConfigurationError, StoreError
from palier.evals.runs import kept
from palier.evals.runs.kept import Results
from palier.types import Label, Message, Parameters

KEY = "ab" + "0" * 62


def outcome(n: int, **changed: Any) -> Outcome:
    return Outcome(**{"id": str(n), "candidate": "a", "key": f"key-{n}", "output": "é" * 50, **changed})


def filled(folder: Path, count: int) -> Results:
    results = Results(folder)
    writer = results.open(KEY)
    for n in range(count):
        writer.add(outcome(n), f"trace:{n}")
    writer.close()
    return results


def test_what_is_added_is_there_again_and_the_last_counts(tmp_path: Path) -> None:
    results = filled(tmp_path / "results", 3)
    writer = results.open(KEY)
    writer.add(outcome(1, output="anew"))
    writer.close()
    found = results.load(KEY)
    assert [found[f"key-{n}"].output for n in range(3)] == ["é" * 50, "anew", "é" * 50]
    assert stat.S_IMODE(results.path(KEY).stat().st_mode) == 0o600
    assert stat.S_IMODE(results.path(KEY).parent.stat().st_mode) == 0o700
    assert results.load("cd" * 32) == {}


@pytest.mark.parametrize("cut", [1, 40, 120])
def test_a_line_that_was_cut_short_is_dropped_and_the_next_is_whole(tmp_path: Path, cut: int) -> None:
    results = filled(tmp_path, 2)
    path = results.path(KEY)
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(results.load(KEY)) == ["key-0"]
    writer = results.open(KEY)
    writer.add(outcome(7))
    writer.close()
    assert list(results.load(KEY)) == ["key-0", "key-7"]


def test_a_file_without_one_whole_line_begins_anew(tmp_path: Path) -> None:
    results = filled(tmp_path, 1)
    results.path(KEY).write_bytes(b"{" * 200_000)
    writer = results.open(KEY)
    writer.add(outcome(1))
    writer.close()
    assert list(results.load(KEY)) == ["key-1"]


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = filled(tmp_path, 1)
    writer = results.open(KEY)
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, line: whole(descriptor, line[:20]))  # what a full disk takes
    with pytest.raises(StoreError, match=os.strerror(errno.ENOSPC)) as raised:
        writer.add(outcome(1))
    assert "what is finished is kept" in raised.value.hint
    monkeypatch.undo()
    writer.add(outcome(2))
    writer.close()
    assert list(results.load(KEY)) == ["key-0", "key-2"]


def test_what_is_dropped_is_gone_also_for_whoever_is_writing(tmp_path: Path) -> None:
    results = filled(tmp_path, 2)
    writer = results.open(KEY)
    assert len(results.drop(lambda line: line.origin == "trace:0", dry_run=True)) == 1
    dropped = results.drop(lambda line: line.origin == "trace:0")
    assert [one.key for one in dropped] == ["key-0"]
    writer.add(outcome(2))
    assert list(results.load(KEY)) == ["key-1", "key-2"]
    results.drop(lambda line: True)
    assert b"key-" not in results.path(KEY).read_bytes()
    writer.add(outcome(3))
    writer.close()
    assert list(results.load(KEY)) == ["key-3"]
    results.drop(lambda line: True)
    assert results.files() == []


def test_a_file_has_one_writer_and_is_not_deleted_under_it(tmp_path: Path) -> None:
    results = filled(tmp_path, 1)
    writer = results.open(KEY)
    with pytest.raises(StoreError, match="another run's use"):
        results.open(KEY)
    assert results.clean(0, now=results.path(KEY).stat().st_mtime + 1) == (0, 0)
    writer.close()
    assert results.clean(0, now=results.path(KEY).stat().st_mtime + 1)[0] == 1


def test_what_nobody_used_for_long_is_deleted(tmp_path: Path) -> None:
    results = filled(tmp_path, 1)
    path = results.path(KEY)
    used = path.stat().st_mtime
    assert results.clean(60, now=used + 30) == (0, 0)
    assert results.clean(60, now=used + 61)[0] == 1
    assert results.files() == []


def test_a_key_names_what_was_asked_and_of_whom() -> None:
    asked = (Message(role="user", content="The fibre?"),)
    same = kept.case_key(KEY, asked, Parameters(seed=0), None, "fr")
    assert same == kept.case_key(KEY, asked, Parameters(seed=0), None, "fr")
    others = [
        kept.case_key("other", asked, Parameters(seed=0), None, "fr"),
        kept.case_key(KEY, (*asked, *asked), Parameters(seed=0), None, "fr"),
        kept.case_key(KEY, asked, Parameters(seed=1), None, "fr"),
        kept.case_key(KEY, asked, Parameters(seed=0), Label.RESTRICTED, "fr"),
        kept.case_key(KEY, asked, Parameters(seed=0), None, "en"),
    ]
    assert len({same, *others}) == 6
    assert kept.candidate_key(a={"x": 1, "y": 2}) == kept.candidate_key(a={"y": 2, "x": 1})


def test_lengths_of_time() -> None:
    assert [kept.age(text) for text in ("90d", "12h", "30m", "0d")] == [7_776_000, 43_200, 1_800, 0]
    for wrong in ("", "d", "90", "ninety d"):
        with pytest.raises(ConfigurationError):
            kept.age(wrong)
