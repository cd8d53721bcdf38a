"""What customers of the sample company write, against its confidential and restricted documents."""

from __future__ import annotations

import json
from pathlib import Path

from palier.privacy.fingerprints import FingerprintMarker, probe
from palier.privacy.marks import hashed, pieces_of
from palier.retrieval import parsing
from palier.retrieval.parsing import Parsed
from palier.types import Label

KEY = b"key of the test"


def test_customers_are_not_taken_for_leaks(repository: Path) -> None:
    company = repository / "examples" / "armorique"
    ranks: dict[bytes, int] = {}
    for label in Label:
        for file in sorted((company / "documents" / label).rglob("*")):
            for document in parsing.parse_file(str(file), 10**8, "") if file.is_file() else []:
                assert isinstance(document, Parsed)
                for mark in eight(FingerprintMarker(KEY)([document.text, f"{document.title}\n{document.text}"])):
                    ranks[mark] = min(ranks.get(mark, 9), label.rank)
    messages = [json.loads(line)["text"] for line in (company / "messages.jsonl").read_text().splitlines()]
    raised = []
    for message in messages:
        probes = probe(KEY, [message], 1_000_000)
        assert probes is not None
        if any(ranks.get(mark, 0) > Label.INTERNAL.rank for mark in eight(probes[0])):
            raised.append(message)
    assert len(messages) == 1320
    assert len(raised) <= 13, "1 %"
    for message in raised:  # each for a number that stands in a restricted file
        numbers = hashed([piece for piece in pieces_of(message) if " " not in piece], KEY)
        assert any(ranks.get(mark, 0) == Label.RESTRICTED.rank for mark in eight(numbers)), message


def eight(packed: bytes) -> list[bytes]:
    return [packed[i : i + 8] for i in range(0, len(packed), 8)]
