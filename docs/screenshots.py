"""Makes the pictures of docs/console: python docs/screenshots.py [PAGE...] (needs Chromium and chromedriver)

The pages of the sample company's console: each by day in English, and by night, in French or on a telephone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "console"
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from tests.browser import company, history, workshop  # noqa: E402  the repository's root is on the path from here on
from tests.browser.chromium import Browser, browser  # noqa: E402
from tests.serving import served  # noqa: E402


def asked(window: Browser) -> None:
    """The page Ask with an answer, and why it came from where it did."""
    window.open("/console/ask")
    french = window.one("html").get_attribute("lang") == "fr"
    window.one("#question").send_keys(("Quel est le préavis pour résilier ?" if french else "Is an eSIM free?") + "\n")
    window.wait(lambda w: w.one(".outcome[aria-busy=false]"))
    window.press(window.one(".why summary"))
    window.driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")


def at(path: str) -> Callable[[Browser], None]:
    """The page `path`, as it opens."""
    return lambda window: window.open(path)


def plotted(path: str) -> Callable[[Browser], None]:
    """The page `path`, once its plots are drawn."""

    def show(window: Browser) -> None:
        window.open(path)
        window.one(".plot canvas")

    return show


def opened(path: str, selector: str) -> Callable[[Browser], None]:
    """What the first link of a list leads to."""

    def show(window: Browser) -> None:
        window.open(path)
        window.open(window.one(selector).get_attribute("href").removeprefix(window.url))

    return show


PAGES: dict[str, Callable[[Browser], None]] = {
    "ask": asked,
    "traces": at("/console/traces"),
    "trace": opened("/console/traces", "tbody tr:nth-child(3) a"),
    "knowledge": at("/console/knowledge"),
    "documents": at("/console/knowledge/collections/archive"),
    "search": at("/console/knowledge/search?q=How+long+does+an+eSIM+take"),
    "models": at("/console/models"),
    "version": opened("/console/models", "main .facts a"),
    "benchmarks": at("/console/benchmarks"),
    "report": plotted("/console/benchmarks/reports/offers-2"),
    "compared": at("/console/benchmarks/compare?before=offers-1&after=offers-2"),
    "lessons": at("/console/lessons"),
    "judge": at("/console/judge"),
    "guarantee": plotted("/console/guarantee"),
    "overview": plotted("/console/overview"),
    "ledger": at("/console/ledger"),
    "actions": at("/console/actions"),
}


def main(names: list[str]) -> None:
    """Write every picture, or those of the pages that are named."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as data,
        tempfile.TemporaryDirectory() as profile,
        company.cloud() as cloud,
        served(company.tree(cloud), workshop.prepare(Path(data))) as gateway,
        browser(gateway.url, Path(profile)) as window,
    ):
        keys = company.fill(gateway)
        history.remember(gateway)
        workshop.teach(gateway)
        workshop.measure(gateway)
        workshop.spend(gateway)
        window.look(height=620)
        if not names:
            window.driver.save_screenshot(str(FOLDER / "sign-in.png"))
        window.sign_in(keys["local"])
        for name, show in PAGES.items():
            if names and name not in names:
                continue
            window.look(height=820)
            show(window)
            window.driver.save_screenshot(str(FOLDER / f"{name}.png"))
            window.look(height=820, language="fr", scheme="dark")
            show(window)
            window.driver.save_screenshot(str(FOLDER / f"{name}-fr-dark.png"))
            window.look(width=390, height=820)
            show(window)
            window.driver.save_screenshot(str(FOLDER / f"{name}-telephone.png"))


if __name__ == "__main__":
    main(sys.argv[1:])
