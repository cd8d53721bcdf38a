"""presidio's recognisers beside our own, where `[redaction] presidio` asks for them (extra `presidio`).

Only those that go by patterns: names are the business of `palier.privacy.names`. E-mails are left to our own:
presidio's recogniser fetches a list of domains from the internet at its first use. Run where `Workers` run it.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import Any

TYPES = {
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "PHONE_NUMBER": "PHONE",
    "UK_NINO": "UK_NINO",
    "US_SSN": "US_SSN",
}
"""Those that have a name here; the others keep presidio's."""
LEFT_OUT = frozenset({"URL", "DATE_TIME", "NRP", "LOCATION", "PERSON", "ORGANIZATION"})
LEAST = 0.5
MOST = 100_000
"""Characters that presidio is given at once."""


def installed() -> bool:
    return importlib.util.find_spec("presidio_analyzer") is not None


def find(text: str) -> list[tuple[str, int, int, float]]:
    """(type, start, end, score) of what presidio sees. For a worker process: loads presidio at first."""
    found = []
    for start in range(0, len(text), MOST):
        for result in _analyzer().analyze(text[start : start + MOST], language="en", score_threshold=LEAST):
            if result.entity_type not in LEFT_OUT:
                name = TYPES.get(result.entity_type, result.entity_type)
                found.append((name, start + result.start, start + result.end, float(result.score)))
    return found


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    engine = NlpEngineProvider(
        nlp_configuration={"nlp_engine_name": "no_op", "models": [{"lang_code": "en", "model_name": "no_op"}]}
    ).create_engine()
    analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
    analyzer.registry.remove_recognizer("EmailRecognizer")
    return analyzer
