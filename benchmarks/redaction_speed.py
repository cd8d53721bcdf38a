"""How long it takes to redact a prompt of 4,000 characters, and to restore a stream's chunks.

    python -m benchmarks.redaction_speed [--rounds N]

Asked for: p50 under 20 ms by own recognisers without names, and under 1 ms added to a chunk. Beside it, the same prompts
with names (spaCy in this process, where a gateway has a worker), and presidio's own pattern recognisers (no model). The
prompts are made up: letters of customers in French and English, a tenth of them without any personal data.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.results import keep
from palier.config import Redaction
from palier.privacy import names, presidio
from palier.privacy.redaction import Redactor
from palier.privacy.vault import Vault

LENGTH = 4000
PROMPTS = 40
MEGABYTE = 1_000_000
MOST_MS, MOST_CHUNK_MS = 20.0, 1.0

FRENCH = (
    "Bonjour, je suis {name}, née le {birth}, et ma box ne marche plus depuis le 3 mars.",
    "Vous pouvez me joindre au {phone} ou à l'adresse {email}.",
    "J'habite 12 rue de la République, 35000 Rennes, et mon numéro de client est le C-{digits}.",
    "Ma facture de 45,90 euros a été prélevée deux fois sur le compte {iban}.",
    "Le technicien devait passer entre 8 h et 12 h, personne n'est venu, et le service me dit d'attendre encore.",
    "Je voudrais savoir si mon contrat peut être résilié sans frais, puisque la panne dure depuis plus de dix jours.",
)
ENGLISH = (
    "Hello, my name is {name} and I was born on {birth}; my router has been blinking since Monday.",
    "Please call me at {phone} or write to {email}.",
    "I live at 742 Evergreen Terrace, Springfield, and I paid with card {card}.",
    "The offer said that the first three months were free, and yet I was charged for all of them.",
    "Could somebody tell me what the fee is for leaving before the end of the twelve months that I agreed to?",
)
PLAIN = ("Les conditions de l'offre sont décrites dans le contrat, que chacun peut relire à tout moment. ",)


def prompts() -> list[str]:
    """Letters of `LENGTH` characters, each of one language."""
    chance = random.Random(5)
    made = []
    for number in range(PROMPTS):
        sentences = PLAIN if number % 10 == 0 else (FRENCH, ENGLISH)[number % 2]
        text = ""
        while len(text) < LENGTH:
            text += chance.choice(sentences).format(**_person(chance)) + " "
        made.append(text[:LENGTH])
    return made


def _person(chance: random.Random) -> dict[str, str]:
    digits = f"{chance.randrange(10**8):08}"
    pairs = " ".join(digits[i : i + 2] for i in range(0, 8, 2))
    return {
        "name": chance.choice(("Marie Kervella", "Yann Le Gall", "Sarah Connor", "John Miller")),
        "birth": f"{chance.randrange(1, 28)}/0{chance.randrange(1, 9)}/19{chance.randrange(50, 99)}",
        "phone": f"06 {pairs}",
        "email": f"client{digits}@example.com",
        "digits": digits,
        "iban": "FR76 3000 6000 0112 3456 7890 189",
        "card": "4111 1111 1111 1111",
    }


def timed(work: Callable[[str], Any], texts: list[str], rounds: int) -> list[float]:
    """Milliseconds of each call, after one round that is not counted."""
    for text in texts[:4]:
        work(text)
    times = []
    for _ in range(rounds):
        for text in texts:
            started = time.perf_counter()
            work(text)
            times.append(1000 * (time.perf_counter() - started))
    return times


def quantiles(times: list[float]) -> dict[str, float]:
    p50, p99 = np.quantile(times, [0.5, 0.99])
    return {"p50_ms": round(float(p50), 4), "p99_ms": round(float(p99), 4)}


def chunks(own: Redactor, texts: list[str]) -> list[float]:
    """Milliseconds that restoring adds to each chunk of five characters, about a token."""
    times = []
    for text in texts:
        vault = Vault()
        answer = vault.redact(text, own.find(text))
        restoring = vault.restoring()
        for start in range(0, len(answer), 5):
            started = time.perf_counter()
            restoring.feed(answer[start : start + 5])
            times.append(1000 * (time.perf_counter() - started))
        restoring.end()
    return times


def megabytes(own: Redactor) -> dict[str, float]:
    """Seconds for a text of 1 MB: letters, and what is meant to be slow."""
    letters = "".join(prompts()) * (MEGABYTE // (LENGTH * PROMPTS) + 1)
    hostile = {
        "letters": letters,
        "12 12": "12 " * MEGABYTE,
        "phones": "06 12 34 56 78 " * MEGABYTE,
        "@": "a@" * MEGABYTE,
    }
    found = {}
    for name, text in hostile.items():
        started = time.perf_counter()
        own.find(text[:MEGABYTE])
        found[name] = round(time.perf_counter() - started, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    own = Redactor(Redaction(names="off", patterns={"CUSTOMER": "C-[0-9]{8}"}))
    texts = prompts()

    def redacted(text: str) -> None:
        vault = Vault()
        vault.redact(text, own.find(text))

    mine, restoring = quantiles(timed(redacted, texts, rounds)), quantiles(chunks(own, texts))
    figures: dict[str, Any] = {
        "characters": LENGTH,
        "own": {**mine, "passed": mine["p50_ms"] < MOST_MS},
        "restoring_a_chunk": {**restoring, "passed": restoring["p50_ms"] < MOST_CHUNK_MS},
        "seconds_of_1_MB": megabytes(own),
    }
    if set(names.installed()) >= {"fr", "en"}:
        languages = {text: "en" if number % 2 else "fr" for number, text in enumerate(texts)}
        named = timed(lambda text: (redacted(text), names.find(text, languages[text])), texts, max(1, rounds // 5))
        figures["own_with_names"] = quantiles(named)
    if presidio.installed():
        theirs = quantiles(timed(presidio.find, texts, max(1, rounds // 5)))
        figures["presidio_patterns"] = {**theirs, "times_own": round(theirs["p50_ms"] / mine["p50_ms"], 2)}
    keep("redaction_speed", figures)


if __name__ == "__main__":
    main()
