"""A headless Chromium, driven by selenium, that reaches nothing but loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-prefers-reduced-motion",
    "--hide-scrollbars",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PATIENCE_S = 15.0
AXE = Path(__file__).with_name("axe.min.js")
Scheme = Literal["light", "dark"]


class Browser:
    """What tests do in a browser."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self, path: str) -> None:
        """Load a page of the gateway."""
        self.driver.get(self.url + path)

    def one(self, selector: str) -> Any:
        """The first element, once it is there."""
        return WebDriverWait(self.driver, PATIENCE_S).until(
            lambda driver: driver.find_element(By.CSS_SELECTOR, selector)
        )

    def all(self, selector: str) -> list[Any]:
        """All elements, as they are now."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def focused(self) -> Any:
        """The element the keyboard goes to: what asks for it as a page opens has it a moment after the page is there."""
        return self.driver.switch_to.active_element

    def press(self, element: Any) -> None:
        """Click an element, brought to where it can be seen."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def wait(self, holds: Any) -> Any:
        """Wait until `holds(self)` says something."""
        return WebDriverWait(self.driver, PATIENCE_S, ignored_exceptions=(Exception,)).until(lambda _: holds(self))

    def sign_in(self, key: str) -> None:
        """Sign in anew with an access key."""
        self.driver.delete_all_cookies()
        self.open("/console/sign-in")
        self.one("#key").send_keys(key)
        self.one("form button[type=submit]").click()
        self.one("nav.pages")

    def look(self, *, language: str = "en", scheme: Scheme = "light", width: int = 1280, height: int = 900) -> None:
        """From now on pages come in that language, colours and size."""
        command = self.driver.execute_cdp_cmd
        command("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        command("Emulation.setDeviceMetricsOverride", size)
        self.open(f"/console/language/{language}?back=/console/sign-in")

    def faults(self) -> list[str]:
        """What axe finds that is serious or critical on this page, each with where it is."""
        self.driver.execute_script(AXE.read_text(encoding="utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then((r) => done(r.violations));"
        )
        return [
            f"{fault['id']}: {node['target']} {node['failureSummary'][:300]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]

    def complaints(self) -> list[str]:
        """What the browser's console says of errors, such as what the page's policy refused."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@contextmanager
def browser(url: str, folder: Path) -> Iterator[Browser]:
    """A browser with nothing of its own: an empty profile in `folder`."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        driver.set_page_load_timeout(PATIENCE_S)
        driver.set_script_timeout(PATIENCE_S)
        yield Browser(driver, url)
    finally:
        driver.quit()
