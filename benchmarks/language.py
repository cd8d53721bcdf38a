"""How well the language of a short question is told: python -m benchmarks.language --data DIR.

French questions are PIAF's, English ones those of CLINC150 and Banking77.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from pathlib import Path

from benchmarks import piaf
from benchmarks.results import data_folder, keep
from palier.text import detect

SAMPLE = 1500


def questions(folder: Path) -> dict[str, list[str]]:
    french = [question.text for question in piaf.load(folder)[1]]
    english = []
    for name in ("clinc150/dev", "banking77/train"):
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            english += [json.loads(line)["text"] for line in lines]
    chance = random.Random(5)
    return {"fr": chance.sample(french, SAMPLE), "en": chance.sample(english, SAMPLE)}


def measure(language: str, texts: list[str]) -> dict[str, float]:
    """Accuracy over seven languages, what was not told at all, and what was taken for the other of the two."""
    started = time.perf_counter()
    found = [detect(text) for text in texts]
    took = time.perf_counter() - started
    other = "en" if language == "fr" else "fr"
    return {
        "accuracy": round(sum(f == language for f in found) / len(texts), 4),
        "not_told": round(sum(f == "" for f in found) / len(texts), 4),
        "taken_for_the_other": round(sum(f == other for f in found) / len(texts), 4),
        "median_characters": sorted(map(len, texts))[len(texts) // 2],
        "microseconds": round(took / len(texts) * 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    folder = data_folder(parser.parse_args().data)
    keep("language", {language: measure(language, texts) for language, texts in questions(folder).items()})


if __name__ == "__main__":
    main()
