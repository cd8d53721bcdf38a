"""Suites: what a folder of TOML and JSON lines says, and what is told of one that says it wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from palier.cases import Suite
from palier.errors import ConfigurationError, InvalidRequest, PalierError
from palier.evals.suites import suite as suites
from palier.evals.suites.case_lines import MAX_LINE
from palier.types import Label

CASE = {"id": "a", "input": "Le prix ?", "reference": "29,99 €"}


def write(folder: Path, settings: str = "", *cases: Any, name: str = "cases.jsonl") -> Path:
    if settings:
        (folder / "suite.toml").write_text(settings, encoding="utf-8")
    lines = [case if isinstance(case, bytes) else json.dumps(case, ensure_ascii=False).encode() for case in cases]
    (folder / name).write_bytes(b"\n".join(lines))
    return folder


def refused(folder: Path, settings: str = "", *cases: Any) -> PalierError:
    with pytest.raises((InvalidRequest, ConfigurationError)) as caught:
        suites.load(write(folder, settings, *cases))
    return caught.value


def test_a_folder_a_settings_file_and_bare_lines(tmp_path: Path) -> None:
    settings = 'name = "support"\nversion = "3"\ntitle = "Aide"\nlicence = "Apache-2.0"\n'
    write(tmp_path, settings, CASE, b"", {**CASE, "id": "b", "split": "holdout", "evidence": "Le prix est 29,99 €."})
    suite = suites.load(tmp_path)
    assert (suite.name, suite.version, suite.task, suite.title) == ("support", "3", "qa", "Aide")
    assert [(case.id, case.split, case.references) for case in suite.cases] == [
        ("a", "dev", ("29,99 €",)),
        ("b", "holdout", ("29,99 €",)),
    ]
    assert suite.cases[1].evidence == ("Le prix est 29,99 €.",)
    assert suites.load(tmp_path / "suite.toml") == suite
    assert suites.load(str(tmp_path)) == suite
    bare = suites.load(tmp_path / "cases.jsonl")
    assert bare.cases == suite.cases
    assert bare.name == tmp_path.name.strip("-._")
    assert bare.digest != suite.digest


def test_a_file_of_its_own_gives_the_suite_its_name(tmp_path: Path) -> None:
    write(tmp_path, "", CASE, name="Mes cas (v2).jsonl")
    assert suites.load(tmp_path / "Mes cas (v2).jsonl").name == "Mes-cas-v2"


def test_every_field_of_a_case(tmp_path: Path) -> None:
    line = {
        "id": "x",
        "messages": [
            {"role": "developer", "content": "Sois bref."},
            {"role": "user", "content": [{"type": "text", "text": "Bonjour"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "content": "42", "tool_call_id": "1"},
            {"role": "user", "content": "Et alors ?"},
        ],
        "references": ["oui", "si"],
        "split": "holdout",
        "family": "f",
        "kind": "paraphrase",
        "relevant": ["public/a.md"],
        "evidence": ["e1", "e2"],
        "must_contain": "42",
        "language": "fr",
        "label": "confidential",
        "tags": ["t"],
        "origin": "here",
    }
    (case,) = suites.load(write(tmp_path, "", line)).cases
    assert [message.role for message in case.messages] == ["system", "user", "assistant", "tool", "user"]
    assert case.messages[1].content == "Bonjour"
    assert case.messages[2].tool_calls[0].name == "f"
    assert case.question == "Et alors ?"
    assert (case.references, case.must_contain, case.label) == (("oui", "si"), ("42",), Label.CONFIDENTIAL)
    assert (case.group, case.kind, case.relevant) == ("f", "paraphrase", ("public/a.md",))


def test_an_object_is_the_reference_of_an_extraction(tmp_path: Path) -> None:
    settings = 'name = "e"\ntask = "extraction"\nschema = "s.json"\n'
    (tmp_path / "s.json").write_text('{"type": "object"}')
    line = {"id": "a", "input": "Je suis AT-1", "reference": {"client": "AT-1", "n": None}}
    suite = suites.load(write(tmp_path, settings, line, {**line, "id": "b", "reference": '{"client": "AT-1"}'}))
    assert suite.schema == {"type": "object"}
    assert json.loads(suite.cases[0].references[0]) == line["reference"]
    inline = settings.replace('schema = "s.json"', "") + "[schema]\ntype = 'object'\n"
    assert suites.load(write(tmp_path, inline, line)).schema == {"type": "object"}
    error = refused(tmp_path, settings, {**line, "reference": "AT-1"})
    assert "line 1: `reference` of an extraction must be a JSON object" in error.message


def test_labels_are_those_of_the_cases_where_none_are_said(tmp_path: Path) -> None:
    cases = [{**CASE, "id": str(i), "reference": label} for i, label in enumerate(("b", "a", "b"))]
    assert suites.load(write(tmp_path, 'name = "c"\ntask = "classification"\n', *cases)).labels == ("a", "b")
    error = refused(tmp_path, 'name = "c"\ntask = "classification"\nlabels = ["a", "bb"]\n', *cases)
    assert "line 1: `b` is none of the suite's labels" in error.message
    assert "did you mean `bb`?" in error.hint


WRONG: dict[str, tuple[list[Any], str, str]] = {
    "unknown": ([{**CASE, "refrence": "x"}], "line 1: unknown field `refrence`", "did you mean `reference`?"),
    "no reference": ([{"id": "a", "input": "?"}], "line 1: `reference` is missing", "answerable: false"),
    "empty reference": ([{**CASE, "reference": " "}], "line 1: `reference` holds an empty text", "leave the field out"),
    "both references": ([{**CASE, "references": ["b"]}], "line 1: `reference` and `references`", ""),
    "a number": ([{**CASE, "reference": 3}], "line 1: `reference` must be a string", "quotes"),
    "one id": ([CASE, b"", CASE], "line 3: the id `a` is that of", "id of its own"),
    "no id": ([{**CASE, "id": ""}], "line 1: `id` is missing", ""),
    "id is no text": ([{**CASE, "id": 7}], "line 1: `id` must be a string", ""),
    "control": ([{**CASE, "id": "a\x1b[2J"}], "line 1: `id` must be at most", ""),
    "split": ([{**CASE, "split": "test"}], 'line 1: `split` is "test"', "one of dev, holdout"),
    "kind": ([{**CASE, "kind": ["x"]}], "line 1: `kind` is", "one of original"),
    "label": ([{**CASE, "label": "secret"}], "line 1: `label` is", "one of public"),
    "both": ([{**CASE, "messages": [{"role": "user", "content": "?"}]}], "both `input` and `messages`", ""),
    "nothing asked": ([{"id": "a", "reference": "b"}], "line 1: `input` is missing", ""),
    "blank": ([{**CASE, "input": "  "}], "line 1: `input` is missing", ""),
    "last turn": (
        [{"id": "a", "messages": [{"role": "assistant", "content": "?"}], "reference": "b"}],
        "`messages` must end with what the user says",
        "reference",
    ),
    "turn": ([{"id": "a", "messages": [{"role": "usr", "content": "?"}], "reference": "b"}], "line 1: turn 1: ", ""),
    "answerable": ([{**CASE, "answerable": "no"}], "line 1: `answerable` must be true or false", ""),
    "tags": ([{**CASE, "tags": [1]}], "line 1: `tags` must be a string or a list of strings", ""),
    "not JSON": ([CASE, b"{"], "line 2: not a JSON object", "one JSON object a line"),
    "a list": ([b"[1]"], "line 1: not a JSON object", ""),
    "not UTF-8": ([b'{"id": "\xe9"}'], "line 1: not", "UTF-8"),
    "too long": ([b'{"id": "' + b"x" * MAX_LINE + b'"}'], f"line 1: the line has more than {MAX_LINE} bytes", ""),
    "deep": ([b"[" * 100_000], "line 1: n", ""),
    "nothing": ([b""], "there is no case", "one JSON line a case"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_line_that_is_no_case_is_named(tmp_path: Path, name: str) -> None:
    cases, message, hint = WRONG[name]
    error = refused(tmp_path, "", *cases)
    assert isinstance(error, InvalidRequest)
    assert message in error.message
    assert hint in error.hint
    assert "cases.jsonl" in error.message


SETTINGS = {
    "unknown field": ('nmae = "x"\n', "unknown field `nmae`", "did you mean `name`?"),
    "a name": ('name = "a/b"\n', "`name` is", "letters, digits"),
    "a type": ('name = "x"\nmax_tokens = "many"\n', "max_tokens", ""),
    "tokens": ('name = "x"\nmax_tokens = 0\n', "`max_tokens` is 0", ""),
    "task": ('name = "x"\ntask = "chat"\n', "task", ""),
    "TOML": ('name = "x\n', "is not valid TOML", ""),
    "prompt": ('name = "x"\nprompt = "Answer."\n', "`prompt` has no {input}", ""),
    "schema of no extraction": ('name = "x"\n[schema]\ntype = "object"\n', "`schema` is for", ""),
    "labels of no classification": ('name = "x"\nlabels = ["a"]\n', "`labels` are for", ""),
    "no such schema": ('name = "x"\ntask = "extraction"\nschema = "no.json"\n', "no.json does not exist", ""),
    "nothing said": ('name = "x"\n[candidates.a]\npassages = 2\n', "does not say what it is", "exactly one of"),
    "two things": ('name = "x"\n[candidates.a]\ntier = "t"\nmodel = "m"\n', "says `tier` and `model`", "exactly one"),
    "unknown of one": (
        'name = "x"\n[candidates.a]\ntier = "t"\npassage = 2\n',
        "`passage`",
        "did you mean `passages`?",
    ),
    "published": ('name = "x"\n[candidates.a.published]\nquality = 1\nsrc = "s"\n', "unknown field `src`", ""),
    "candidate's prompt": ('name = "x"\n[candidates.a]\ntier = "t"\nprompt = "x"\n', "[candidates.a] prompt", ""),
    "cases": ('name = "x"\ncases = []\n', "`cases` must be a list", ""),
    "no such cases": ('name = "x"\ncases = ["no.jsonl"]\n', "no.jsonl does not exist", ""),
    "cases twice": ('name = "x"\ncases = ["cases.jsonl", "./cases.jsonl"]\n', "names a file twice", ""),
    "columns": ('name = "x"\n[columns]\nquestion = "q"\n', "[columns]: unknown field `question`", ""),
    "holdout": ('name = "x"\nholdout = 40\n', "`holdout` must be a share", ""),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_wrong_settings_are_named(tmp_path: Path, name: str) -> None:
    settings, message, hint = SETTINGS[name]
    error = refused(tmp_path, settings, CASE)
    assert message in error.message
    assert hint in error.hint


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        suites.load(tmp_path / "none")
    with pytest.raises(ConfigurationError, match=r"suite\.toml does not exist"):
        suites.load(tmp_path)


def test_bad_lines_can_be_left_out_and_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "", CASE, b"{", {**CASE, "id": "b"}, CASE)
    read = suites.read(tmp_path, skip_bad=True)
    assert [case.id for case in read.suite.cases] == ["a", "b"]
    assert [fault.line for fault in read.faults] == [2, 4]
    with pytest.raises(InvalidRequest, match="line 1"):
        suites.load(write(tmp_path, "", b"{"), skip_bad=True)


def test_too_many_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "MAX_CASES", 2)
    error = refused(tmp_path, "", CASE, {**CASE, "id": "b"}, {**CASE, "id": "c"})
    assert "more than 2 cases" in error.message


def test_too_many_bad_lines_are_another_kind_of_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "MAX_FAULTS", 2)
    with pytest.raises(InvalidRequest, match="more than 2 lines are no cases"):
        suites.load(write(tmp_path, "", CASE, b"a", b"b", b"c"), skip_bad=True)


def test_files_that_were_not_written_for_it_are_read_by_their_columns(tmp_path: Path) -> None:
    settings = """
name = "x"
cases = ["rows.jsonl", { file = "cases.jsonl", columns = {}, values = {} }]
[columns]
input = "text"
reference = "answer"
answerable = "kind"
split = "part"
tags = ["kind", "topics"]
[values.split]
train = "dev"
test = "holdout"
[values.answerable]
none = false
"*" = true
"""
    rows = [
        {"id": "1", "text": "A ?", "answer": "a", "kind": "fact", "part": "train", "label": "x", "topics": ["t", "u"]},
        {"id": "2", "text": "B ?", "kind": "none", "part": "test"},
    ]
    write(tmp_path, settings, CASE)
    write(tmp_path, "", *rows, name="rows.jsonl")
    first, second, own = suites.load(tmp_path).cases
    assert (first.input, first.references, first.tags, first.split) == ("A ?", ("a",), ("fact", "t", "u"), "dev")
    assert (second.answerable, second.split, second.references) == (False, "holdout", ())
    assert own.input == "Le prix ?"
    write(tmp_path, "", {**rows[0], "part": "valid"}, name="rows.jsonl")
    with pytest.raises(InvalidRequest, match=r"`split` is `valid`, which \[values.split\] does not know"):
        suites.load(tmp_path)


def test_a_share_is_held_out_by_family(tmp_path: Path) -> None:
    cases = [{**CASE, "id": f"{n}{part}", "family": f"f{n}"} for n in range(300) for part in "ab"]
    suite = suites.load(write(tmp_path, 'name = "x"\nholdout = 0.4\n', *cases, {**CASE, "split": "dev"}))
    sides = {case.family: case.split for case in suite.cases}
    assert all(case.split == sides[case.family] for case in suite.cases)
    held = sum(side == "holdout" for side in sides.values())
    assert 90 < held < 150
    assert suite.cases[-1].split == "dev"


def test_results_are_found_beside_the_suite_and_move_with_it(tmp_path: Path) -> None:
    settings = 'name = "x"\n[candidates.old]\nresults = "old.jsonl"\nsimulated = true\n'
    here, there = tmp_path / "here", tmp_path / "there"
    digests = set()
    for folder in (here, there):
        folder.mkdir()
        suite = suites.load(write(folder, settings, CASE))
        assert suite.candidates["old"].results == str(folder / "old.jsonl")
        digests.add(suite.digest)
    assert len(digests) == 1
    suites.dump(suite, there)
    assert suites.load(there).digest in digests


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_bytes(b"\xef\xbb\xbf" + b'name = "x"\n')
    (tmp_path / "cases.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(CASE).encode())
    assert suites.load(tmp_path).name == "x"


def test_splits_of_a_suite() -> None:
    assert Suite(name="x").split("dev") == ()
