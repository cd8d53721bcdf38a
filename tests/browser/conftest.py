"""The sample company's console in a real browser, which the tests of this folder share. Skipped where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.serving import Served, served

if TYPE_CHECKING:
    from tests.browser.chromium import Browser

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from tests.browser.chromium import BROWSER, DRIVER

    if BROWSER and DRIVER:
        return
    reason = "no Chromium here: apt-get install chromium chromium-driver"
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, dict[str, str]]]:
    """The gateway, and its people's keys by name."""
    from tests.browser import company, history, workshop

    folder = workshop.prepare(tmp_path_factory.mktemp("company"))
    with company.cloud() as cloud, served(company.tree(cloud), folder) as running:
        keys = company.fill(running)
        workshop.teach(running)
        workshop.measure(running)
        workshop.spend(running)
        history.remember(running, an_hour=2)
        yield running, keys


@pytest.fixture(scope="session")
def window(console: tuple[Served, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    from tests.browser.chromium import browser

    with browser(console[0].url, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def person(console: tuple[Served, dict[str, str]], window: Browser) -> Callable[[str], Browser]:
    """The browser, with somebody signed in anew, in English and light."""

    def signed_in(name: str) -> Browser:
        window.driver.delete_all_cookies()
        window.look()
        window.complaints()
        window.sign_in(console[1][name])
        return window

    return signed_in
