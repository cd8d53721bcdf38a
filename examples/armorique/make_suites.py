"""Write the cases of suites/support from teacher.jsonl and paraphrases.jsonl.

Only the standard library is used. A question that is asked in both languages
is one family, so that its two forms stand on one side of the split.

    python examples/armorique/make_suites.py
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUPPORT = HERE / "suites" / "support"

SAME = {
    "q081": "q014", "q097": "q022", "q120": "q025", "q113": "q026", "q085": "q028", "q087": "q032",
    "q108": "q033", "q110": "q037", "q112": "q050", "q101": "q006", "q082": "q065",
    "q077": "q066", "q090": "q070", "q163": "q145", "q165": "q138", "q167": "q139", "q157": "q131",
}  # fmt: skip
"""Questions that ask what another one asks, in the other language or nearly."""

FAQ = {"q074": "faq-06", "q140": "faq-07", "q151": "faq-11"}
"""Each line of faq.jsonl is a document of its own: the one that answers."""


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cases() -> dict[str, str]:
    """What stands in each file: the questions, and other words for some of them."""
    paraphrases: dict[str, list[dict]] = {}
    for entry in lines(HERE / "paraphrases.jsonl"):
        paraphrases.setdefault(entry["of"], []).append(entry)
    asked, also = [], []
    for answer in lines(HERE / "teacher.jsonl"):
        name, family = answer["id"], SAME.get(answer["id"], "")
        asked.append(case(answer, name, answer["question"], "original", family))
        others = paraphrases.get(name, [])
        also += [case(answer, entry["id"], entry["question"], "paraphrase", family or name) for entry in others]
    return {"cases.jsonl": written(asked), "paraphrases.jsonl": written(also)}


def written(items: list[dict]) -> str:
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


def case(answer: dict, name: str, question: str, kind: str, family: str) -> dict:
    answerable = answer["kind"] != "unanswerable"
    sources = [FAQ[answer["id"]] if "faq.jsonl" in source and answerable else source for source in answer["sources"]]
    item = {
        "id": name,
        "input": question,
        "reference": answer["answer"],
        "family": family,
        "kind": kind,
        "answerable": answerable,
        "relevant": sources if answerable else [],
        "must_contain": answer["must_contain"],
        "language": answer["language"],
        "tags": [answer["kind"], answer["label"]],
    }
    usual = {"family": "", "kind": "original", "answerable": True, "must_contain": [], "relevant": []}
    return {field: value for field, value in item.items() if usual.get(field) != value}


if __name__ == "__main__":
    for name, text in cases().items():
        (SUPPORT / name).write_text(text, encoding="utf-8")
