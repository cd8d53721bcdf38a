"""Energy: declared power times busy time, or ecologits for clouds, called an estimate; unknown otherwise."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from palier.cards import ModelCard
from palier.metrics import impacts
from palier.metrics.energy import energy, prepare
from palier.types import Usage

MINI = ModelCard(name="m", kind="endpoint", impacts_as="openai/gpt-4o-mini")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    impacts.line.cache_clear()
    yield
    impacts.line.cache_clear()


def used(card: ModelCard, tokens: int) -> float:
    value = energy(card, 100.0, Usage(prompt=10, completion=tokens)).value
    assert value is not None
    return value


def test_declared_power_times_busy_time() -> None:
    found = energy(ModelCard(name="m", kind="engine", watts=36.0), 1000.0)
    assert found.value == pytest.approx(0.01)
    assert (found.low, found.basis) == (0.0, "estimated")


def test_without_declared_power_it_is_unknown() -> None:
    found = energy(ModelCard(name="m", kind="engine"), 1000.0)
    assert found.value is None
    assert "`watts`" in found.method


def test_declared_power_beats_an_estimate() -> None:
    card = ModelCard(name="m", kind="endpoint", watts=36.0, impacts_as="openai/gpt-4o-mini")
    assert energy(card, 1000.0, Usage(completion=500)).method == "declared power x busy time"


@pytest.mark.parametrize(
    "name", ["openai/gpt-4o-mini", "mistralai/mistral-large-latest", "google_genai/gemini-2.5-pro"]
)
def test_the_line_is_ecologits_own_at_any_length(name: str) -> None:
    from ecologits.tracers.utils import llm_impacts

    card = ModelCard(name="m", kind="endpoint", impacts_as=name)
    provider, _, model = name.partition("/")
    for tokens in (1, 17, 400, 20_000):
        theirs = llm_impacts(provider, model, tokens, 1e9, electricity_mix_zone="FRA").energy.value
        found = energy(card, 5.0, Usage(completion=tokens))
        low, high = getattr(theirs, "min", theirs), getattr(theirs, "max", theirs)
        assert found.value == pytest.approx((low + high) / 2 * 1000)
        if low < high:
            assert (found.low, found.high) == (pytest.approx(low * 1000), pytest.approx(high * 1000))
        else:
            assert found.low is None, "no range was given, so none is told"
        assert found.basis == "estimated"
        assert f"as {name}" in found.method


def test_a_cloud_is_found_by_what_it_is_priced_as() -> None:
    assert used(ModelCard(name="m", kind="endpoint", priced_as="gpt-4o-mini"), 300) == pytest.approx(used(MINI, 300))
    dated = energy(ModelCard(name="m", kind="endpoint", priced_as="claude-haiku-4-5"), 5.0, Usage(completion=300))
    assert "as anthropic/claude-haiku-4-5" in dated.method


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (ModelCard(name="m", kind="endpoint", impacts_as="openai/no-such-model"), "does not know openai/no-such-model"),
        (ModelCard(name="m", kind="endpoint", impacts_as="nobody/gpt-4o-mini"), "does not know nobody/gpt-4o-mini"),
        (ModelCard(name="m", kind="endpoint", priced_as="deepseek-chat"), "`impacts_as`"),
        (ModelCard(name="m", kind="endpoint", priced_as="no-such-model"), "`impacts_as`"),
    ],
)
def test_a_model_that_nobody_estimated_is_unknown(card: ModelCard, words: str) -> None:
    found = energy(card, 100.0, Usage(completion=500))
    assert (found.value, found.basis) == (None, "unknown")
    assert words in found.method


def test_uncounted_tokens_are_unknown_or_guessed_within_two() -> None:
    assert energy(MINI, 100.0).value is None
    guessed, counted = energy(MINI, 100.0, None, Usage(completion=500)), energy(MINI, 100.0, Usage(completion=500))
    assert guessed.value == counted.value
    assert guessed.low is not None
    assert counted.low is not None
    assert guessed.low == pytest.approx(counted.low / 2)
    assert "characters" in guessed.method


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ecologits.tracers.utils", None)
    found = energy(MINI, 100.0, Usage(completion=500))
    assert found.value is None
    assert 'pip install "palier[carbon]"' in found.method


def test_a_simulated_model_says_so() -> None:
    card = ModelCard(name="m", kind="recorded", watts=36.0, simulated=True)
    assert energy(card, 1000.0).method == "simulated: declared power x busy time"


def test_preparing_leaves_nothing_for_the_request_to_load() -> None:
    prepare([MINI, ModelCard(name="p", kind="endpoint", priced_as="gpt-4o-mini")])
    before = impacts.line.cache_info().misses
    used(MINI, 5)
    used(ModelCard(name="p", kind="endpoint", priced_as="gpt-4o-mini"), 5)
    assert impacts.line.cache_info().misses == before


def test_the_library_opens_no_socket_loads_no_client_and_leaves_logging_alone() -> None:
    """In a process of its own, whose every socket is an error."""
    script = (
        "import sys, logging\n"
        "def refuse(event, arguments):\n"
        "    if event.startswith('socket.'): raise SystemExit(f'{event} {arguments}')\n"
        "sys.addaudithook(refuse)\n"
        "kind = logging.getLoggerClass()\n"
        "from palier.metrics.impacts import line\n"
        "assert not isinstance(line('openai/gpt-4o-mini', ''), str)\n"
        "assert logging.getLoggerClass() is kind\n"
        "loaded = {'openai', 'anthropic', 'mistralai', 'google.genai', 'cohere', 'huggingface_hub'} & set(sys.modules)\n"
        "print(loaded or 'nothing')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("nothing", "")


def test_what_it_warns_of_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        used(MINI, 5)
    assert not caplog.records
