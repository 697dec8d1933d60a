"""A real browser for tests of pages: Debian's Chromium, without a window. Where it cannot be had, that is an error."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from deploy.provisioning import tools

_SWITCHES = (
    "--headless=new",
    "--no-sandbox",  # which root cannot have
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--window-size=1280,1600",
)


@contextmanager
def chromium(language: str) -> Iterator[Chrome]:
    """A browser whose person reads this language. Raises CannotProvisionError."""
    tools.toolchain(tools.CHROMIUM, print)
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for switch in (*_SWITCHES, f"--lang={language}"):
        options.add_argument(switch)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # By path, so that selenium looks for nothing on the internet.
    browser = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
    try:
        browser.set_page_load_timeout(240)
        browser.set_script_timeout(240)
        yield browser
    finally:
        browser.quit()


def complaints(browser: Chrome) -> list[str]:
    """What the browser's console holds: errors of scripts, and what the page's policy kept out."""
    entries: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [json.dumps(entry["message"]) for entry in entries]
