"""Write suites/support/cases.jsonl from teacher.jsonl and paraphrases.jsonl.

Only the standard library is used. A question that is asked in both languages
is one family, so that its two forms stand on one side of the split.

    python examples/armorique/make_suites.py
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
CASES = HERE / "suites" / "support" / "cases.jsonl"

SAME = {
    "q081": "q014", "q097": "q022", "q120": "q025", "q113": "q026", "q085": "q028", "q087": "q032",
    "q108": "q033", "q110": "q037", "q112": "q050", "q101": "q006", "q082": "q065",
    "q077": "q066", "q090": "q070", "q163": "q145", "q165": "q138", "q167": "q139", "q157": "q131",
}  # fmt: skip
"""Questions that ask what another one asks, in the other language or nearly."""


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cases() -> str:
    """What stands in the suite: every question, and after it its paraphrases."""
    paraphrases: dict[str, list[dict]] = {}
    for entry in lines(HERE / "paraphrases.jsonl"):
        paraphrases.setdefault(entry["of"], []).append(entry)
    written = []
    for answer in lines(HERE / "teacher.jsonl"):
        family = SAME.get(answer["id"], "")
        written.append(case(answer, answer["id"], answer["question"], "original", family))
        family = family or answer["id"]
        also = paraphrases.get(answer["id"], [])
        written += [case(answer, entry["id"], entry["question"], "paraphrase", family) for entry in also]
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in written)


def case(answer: dict, name: str, question: str, kind: str, family: str) -> dict:
    item = {
        "id": name,
        "input": question,
        "reference": answer["answer"],
        "family": family,
        "kind": kind,
        "answerable": answer["kind"] != "unanswerable",
        "relevant": answer["sources"],
        "must_contain": answer["must_contain"],
        "language": answer["language"],
        "tags": [answer["kind"], answer["label"]],
    }
    usual = {"family": "", "kind": "original", "answerable": True, "must_contain": []}
    return {field: value for field, value in item.items() if usual.get(field) != value}


if __name__ == "__main__":
    CASES.write_text(cases(), encoding="utf-8")
