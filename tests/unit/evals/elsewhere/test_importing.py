"""Results from elsewhere: what the formats hold, which cases they are of, and what hostile files come to."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from palier.cases import Case, Published, Suite
from palier.errors import ConfigurationError
from palier.evals.elsewhere import importing
from palier.evals.elsewhere.importing import published, read_results, read_run

CASES = tuple(
    Case(id=f"c{i}", input=f"What does offer {i} cost?", references=(f"{i}.99 euros",), split="dev") for i in range(4)
)
SUITE = Suite(name="offers", cases=CASES)


def lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


# --- palier's own ----------------------------------------------------------------------------------------------------


def test_own_lines_plain_or_whole(tmp_path: Path) -> None:
    rows = [
        {
            "id": "c1",
            "output": "1.99 euros",
            "cost": 0.002,
            "energy_wh": 0.1,
            "latency_ms": 120,
            "metrics": {"chrf": 61.5},
        },
        {
            "id": "c2",
            "candidate": "x",
            "status": "failed",
            "error": "timeout",
            "cost": {"value": 1.0, "basis": "measured"},
        },
    ]
    found = read_results(lines(tmp_path / "r.jsonl", rows), SUITE, candidate="theirs")
    assert list(found) == ["c1", "c2"]
    assert found.form == "palier"
    one = found["c1"]
    assert (one.candidate, one.output, one.cost.value, one.energy.value, one.latency_ms) == (
        "theirs",
        "1.99 euros",
        0.002,
        0.1,
        120,
    )
    assert one.cost.basis == "estimated"
    assert found["c2"].status == "failed"
    assert any("2 of 4 cases have no result" in note for note in found.notes)


def test_of_several_candidates_one_is_chosen_by_its_name(tmp_path: Path) -> None:
    rows = [{"id": "c1", "candidate": name, "output": name} for name in ("a", "b")]
    path = lines(tmp_path / "r.jsonl", rows)
    assert read_results(path, SUITE, candidate="b")["c1"].output == "b"
    with pytest.raises(ConfigurationError, match="2 candidates: a, b"):
        read_results(path, SUITE, candidate="c")
    run, _ = read_run(path, SUITE)
    assert [c.name for c in run.candidates] == ["a", "b"]
    assert [case.id for case in run.cases] == ["c1"]


# --- lm-eval ---------------------------------------------------------------------------------------------------------


def sample(i: int, answer: str, **more: Any) -> dict[str, Any]:
    return {
        "doc_id": i,
        "doc": {"question": f"What does offer {i} cost?", "answer": f"{i}.99 euros"},
        "target": f"{i}.99 euros",
        "arguments": {"gen_args_0": {"arg_0": f"Question: What does offer {i} cost?\nAnswer:", "arg_1": {}}},
        "resps": [[answer]],
        "filtered_resps": [answer],
        "filter": "none",
        "metrics": ["exact_match"],
        "exact_match": 1.0,
        "doc_hash": "ab",
        **more,
    }


def test_lm_eval_samples_are_found_by_what_they_ask(tmp_path: Path) -> None:
    path = lines(tmp_path / "samples_offers.jsonl", [sample(i, f"answer {i}") for i in (3, 0, 9)])
    found = read_results(path, SUITE)
    assert {case: o.output for case, o in found.items()} == {"c0": "answer 0", "c3": "answer 3"}
    assert found.unmatched == ("9 (line 3)",)
    assert found["c0"].metrics == {}  # there is an output to measure


def test_lm_eval_ids_of_documents_are_believed_only_where_the_texts_agree(tmp_path: Path) -> None:
    suite = Suite(name="s", cases=tuple(Case(id=str(i), input=f"What does offer {3 - i} cost?") for i in range(4)))
    path = lines(tmp_path / "samples_s.jsonl", [sample(i, f"answer {i}") for i in range(4)])
    assert {case: o.output for case, o in read_results(path, suite).items()} == {
        str(i): f"answer {3 - i}" for i in range(4)
    }


def test_lm_eval_choices_come_as_the_likeliest_or_as_metrics_alone(tmp_path: Path) -> None:
    scores = [["-3.5", "False"], ["-0.2", "True"]]
    known = sample(0, "", resps=[[s] for s in scores], filtered_resps=scores, acc=1.0, metrics=["acc"])
    known["doc"]["choices"] = ["cheap", "dear"]
    blind = sample(1, "", resps=[[s] for s in scores], filtered_resps=scores, acc=0.0, metrics=["acc"], acc_norm=[1, 2])
    found = read_results(lines(tmp_path / "s.jsonl", [known, blind]), SUITE)
    assert (found["c0"].output, found["c0"].metrics) == ("dear", {})
    assert (found["c1"].output, found["c1"].metrics, found["c1"].status) == (
        "",
        {"acc": 0.0, "accuracy": 0.0, "exact_match": 0.0},
        "answered",
    )


def test_lm_eval_filters_are_not_mixed(tmp_path: Path) -> None:
    rows = [sample(0, "strict", filter="strict-match"), sample(0, "flexible", filter="flexible-extract")]
    found = read_results(lines(tmp_path / "s.jsonl", rows), SUITE)
    assert found["c0"].output == "strict"
    assert any("strict-match" in note for note in found.notes)


# --- Inspect ---------------------------------------------------------------------------------------------------------


def inspect_sample(i: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"c{i}",
        "epoch": 1,
        "input": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"What does offer {i} cost?"},
        ],
        "target": f"{i}.99 euros",
        "output": {
            "model": "vendor/model",
            "choices": [{"message": {"role": "assistant", "content": [{"type": "text", "text": f"{i}.99 euros"}]}}],
            "completion": f"{i}.99 euros",
        },
        "scores": {"match": {"value": "C"}},
        "model_usage": {
            "vendor/model": {"input_tokens": 50, "output_tokens": 6, "total_tokens": 76, "input_tokens_cache_read": 20}
        },
        "working_time": 1.25,
        **more,
    }


def log(samples: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "version": 2,
        "status": "success",
        "eval": {"task": "offers", "model": "vendor/model"},
        "samples": samples,
        **more,
    }


def test_inspect_logs_tell_tokens_time_and_model(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log([inspect_sample(0), inspect_sample(1, epoch=2), inspect_sample(2)])))
    found = read_results(path, SUITE)
    one = found["c0"]
    assert list(found) == ["c0", "c2"]
    assert (one.output, one.model, one.latency_ms, one.metrics) == ("0.99 euros", "vendor/model", 1250.0, {})
    assert one.usage is not None
    assert (one.usage.prompt, one.usage.completion, one.usage.cached) == (70, 6, 20)
    assert one.cost.value is None
    assert any("later epochs" in note for note in found.notes)


def test_inspect_errors_are_failures_and_grades_stand_where_there_is_no_text(tmp_path: Path) -> None:
    scores = {"match": {"value": "I"}, "judge": {"value": {"style": 0.5, "fact": "P"}}, "odd": {"value": [1]}}
    empty = {"output": {"choices": []}}
    samples = [
        inspect_sample(0, error={"message": "limit reached"}, **empty),
        inspect_sample(1, scores=scores, **empty),
        inspect_sample(2, scores={}, **empty),
    ]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log(samples, status="error")))
    found = read_results(path, SUITE)
    assert (found["c0"].status, found["c0"].error) == ("failed", "limit reached")
    assert found["c1"].metrics == {
        **{"match": 0.0, "judge.style": 0.5, "judge.fact": 0.5},
        **{"accuracy": 0.0, "exact_match": 0.0},  # as our metrics are called
    }
    assert found["c2"].status == "failed"
    assert any("status is `error`" in note for note in found.notes)


def test_inspect_attachments_and_costs(tmp_path: Path) -> None:
    one = inspect_sample(0, id=7, input="attachment://a1", attachments={"a1": "What does offer 0 cost?"})
    one["model_usage"]["vendor/model"]["total_cost"] = 0.25
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log([one])))
    found = read_results(path, SUITE)
    assert list(found) == ["c0"]
    assert found["c0"].cost.value == 0.25


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def test_eval_files_are_zips_of_samples(tmp_path: Path) -> None:
    entries = {f"samples/c{i}_epoch_1.json": json.dumps(inspect_sample(i)).encode() for i in range(3)}
    found = read_results(zipped(tmp_path / "log.eval", {"header.json": b"{}", **entries}), SUITE)
    assert list(found) == ["c0", "c1", "c2"]


# --- matching --------------------------------------------------------------------------------------------------------


def test_order_is_believed_only_where_every_text_holds_what_its_case_asks(tmp_path: Path) -> None:
    twins = Suite(
        name="s", cases=(Case(id="a", input="Same?"), Case(id="b", input="Same?"), Case(id="c", input="Other?"))
    )
    rows = [
        {"id": f"x{i}", "input": f"Question: {q}", "output": f"o{i}"}
        for i, q in enumerate(("Same?", "Same?", "Other?"))
    ]
    path = lines(tmp_path / "r.jsonl", rows)
    assert {c: o.output for c, o in read_results(path, twins).items()} == {"a": "o0", "b": "o1", "c": "o2"}
    rows[0]["input"], rows[2]["input"] = "Something else", "Other?"
    found = read_results(lines(path, rows), twins)
    assert list(found) == ["c"]
    assert found.unmatched == ("x0 (line 1)", "x1 (line 2)")


def test_two_samples_of_one_case_are_refused(tmp_path: Path) -> None:
    rows = [{"id": "c1", "output": "a"}, {"id": "c1", "output": "b"}]
    with pytest.raises(ConfigurationError, match="line 1 and line 2 are both the case `c1`"):
        read_results(lines(tmp_path / "r.jsonl", rows), SUITE)


# --- hostile files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.jsonl", b"", "holds no results"),
        ("r.jsonl", b"{nope\n", "line 1 is not JSON"),
        ("r.jsonl", b"[1, 2]\n", "line 1 is not a JSON object"),
        ("r.jsonl", b'{"text": "x"}\n', "neither `id`"),
        ("r.jsonl", b'{"id": "c1", "output": 5}\n', "line 1: `output` must be a text"),
        ("r.jsonl", b'{"id": "c1", "metrics": {"f1": NaN}}\n', "NaN and Infinity are no JSON"),
        ("r.jsonl", b'{"id": ' + b"[" * 100_000 + b"\n", "line 1"),
        ("r.jsonl", b"\xff\xfe\n", "line 1 is not JSON"),
        ("l.json", b"{}", "no Inspect log"),
        ("l.json", b'{"eval": {}, "samples": [5]}', r"samples\[0\] is not a JSON object"),
        ("l.json", b'{"eval": {}, "samples": {}}', "no Inspect log"),
        ("l.eval", b"PK\x03\x04nothing", "cannot be unpacked"),
    ],
)
def test_bad_files_are_named_with_the_place(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=says) as raised:
        read_results(path, SUITE)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("odd", [None, 5, "x", [], [[]], {"a": []}, True])
def test_odd_values_in_logs_are_absent_and_not_errors(tmp_path: Path, odd: Any) -> None:
    names = ("input", "output", "scores", "model_usage", "working_time", "error", "attachments", "epoch")
    samples = [inspect_sample(0), *(inspect_sample(1, **{name: odd}) for name in names)]
    for i, one in enumerate(samples[1:]):
        path = tmp_path / f"{i}.json"
        path.write_text(json.dumps(log([samples[0], one])))
        assert "c0" in read_results(path, SUITE)
    keys = ("doc", "arguments", "resps", "filtered_resps", "metrics", "exact_match", "filter")
    for key in keys:
        path = lines(tmp_path / "s.jsonl", [sample(0, "a"), {**sample(1, "b"), key: odd}])
        assert read_results(path, SUITE)


def test_missing_files_and_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_results(tmp_path / "none.jsonl", SUITE)
    with pytest.raises(ConfigurationError, match="is no file"):
        read_results(tmp_path, SUITE)


def test_a_zip_that_unpacks_to_too_much_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_LINE", 10_000)
    path = zipped(tmp_path / "bomb.eval", {"samples/c0_epoch_1.json": b" " * 5_000_000})
    with pytest.raises(ConfigurationError, match="unpacks to more"):
        read_results(path, SUITE)
    monkeypatch.setattr(importing, "MAX_BYTES", 30_000)
    small = {f"samples/{i}.json": json.dumps({"id": f"c{i % 4}", "x": "y" * 8000}).encode() for i in range(8)}
    with pytest.raises(ConfigurationError, match="unpacks to more"):
        read_results(zipped(tmp_path / "many.eval", small), SUITE)


def test_long_lines_and_many_samples_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MAX_LINE", 1000)
    with pytest.raises(ConfigurationError, match="line 1 has more than 1000 bytes"):
        read_results(lines(tmp_path / "r.jsonl", [{"id": "c0", "output": "x" * 2000}]), SUITE)
    monkeypatch.setattr(importing, "MAX_SAMPLES", 2)
    with pytest.raises(ConfigurationError, match="more than 2 samples"):
        read_results(lines(tmp_path / "r.jsonl", [{"id": f"c{i}"} for i in range(3)]), SUITE)


def test_published_figures_have_an_interval_only_where_the_page_says_of_how_many_cases() -> None:
    given = published(Published(quality=0.8, cases=100, source="p"))
    assert given.low is not None
    assert (round(given.low, 3), given.method) == (0.711, "Wilson, given n")
    for bare in (
        published(Published(quality=0.8, source="p")),
        published(Published(quality=41.2, cases=100, source="p")),
    ):
        assert (bare.low, bare.high) == (None, None)
