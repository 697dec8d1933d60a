"""The sandbox's page in a real browser: live, in both languages, by keyboard, without scripts, safe from strangers."""

import asyncio
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.conformance.sandbox_client import Client, logged_in
from tests.scenarios.browser import chromium, complaints
from worker.sandbox.server import Sandbox

T = TypeVar("T")
EVIL = '<img src=x onerror="window.evil=1"><script>window.evil=1</script>\'"</li></section>'
SECONDS = 120


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium("zh-CN,zh") as started:
        yield started


@pytest.fixture
def chinese(browser: Chrome) -> Chrome:
    """On no page, with nothing to complain of: the page of the test before asks on for its sandbox, which is gone."""
    browser.get("about:blank")
    complaints(browser)
    return browser


async def aside(work: Callable[[], T]) -> T:
    """The browser blocks, and the sandbox must go on meanwhile."""
    return await asyncio.to_thread(work)


def shown(browser: Chrome, selector: str) -> WebElement:
    return WebDriverWait(browser, SECONDS).until(lambda _: browser.find_element(By.CSS_SELECTOR, selector))


def until_text(browser: Chrome, selector: str, text: str) -> None:
    def holds(_: Chrome) -> bool:
        script = "return document.querySelector(arguments[0])?.textContent ?? ''"
        return text in browser.execute_script(script, selector)

    WebDriverWait(browser, SECONDS).until(holds)


def until_hidden(browser: Chrome, selector: str) -> None:
    waiting = WebDriverWait(browser, SECONDS, ignored_exceptions=[WebDriverException])
    waiting.until(lambda _: not browser.find_element(By.CSS_SELECTOR, selector).is_displayed())


def press(browser: Chrome, identity: str) -> None:
    """Press a button by its id; by script, for the page may put a new one in its place at any moment."""
    shown(browser, f"[id='{identity}']")
    browser.execute_script("document.getElementById(arguments[0]).click()", identity)


def type_into(browser: Chrome, identity: str, keys: str, *, has_focus: bool = False) -> None:
    """Type into an element, as soon as it can be seen and has the focus where it should: the page may put a new one in
    its place at any moment, and then nothing was typed."""

    def is_typed(_: Chrome) -> bool:
        element = browser.switch_to.active_element if has_focus else browser.find_element(By.ID, identity)
        if element.get_attribute("id") != identity:
            return False
        element.send_keys(keys)
        return True

    WebDriverWait(browser, SECONDS, ignored_exceptions=[WebDriverException]).until(is_typed)


async def test_an_order_appears_as_it_comes_and_is_scanned_by_a_button(chinese: Chrome) -> None:
    """Then the same in English, by the switch, which is remembered."""
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        await aside(lambda: chinese.get(sandbox.http_url))
        assert await aside(lambda: chinese.find_element(By.TAG_NAME, "html").get_attribute("lang")) == "zh-CN"
        await aside(lambda: until_text(chinese, "#pulse", "实时"))
        await speaker.issue(remark="SO-17")
        assert (await speaker.hear())["type"] == "invoice_qrcode"
        await aside(lambda: until_text(chinese, "#scans", "SO-17"))
        picture = await aside(lambda: shown(chinese, "#scans img"))
        loaded = "return arguments[0].complete && arguments[0].naturalWidth > 0"
        await aside(lambda: WebDriverWait(chinese, SECONDS).until(lambda _: chinese.execute_script(loaded, picture)))
        (scan,) = sandbox.waiting_scans()
        await aside(lambda: press(chinese, f"confirm-{scan.token}"))
        assert (await speaker.hear())["type"] == "invoice_pdf"
        await aside(lambda: until_text(chinese, "#orders", "已开票"))
        (number,) = sandbox.ledger.invoices
        await aside(lambda: until_text(chinese, "#invoices", number))

        await aside(lambda: chinese.find_element(By.CSS_SELECTOR, "nav a[lang=en]").click())
        await aside(lambda: until_text(chinese, "h1", "Fapiao gateway sandbox"))
        await aside(lambda: chinese.get(sandbox.http_url))
        await aside(lambda: until_text(chinese, "#orders", "issued"))
        await aside(lambda: chinese.find_element(By.CSS_SELECTOR, "nav a[lang=zh-CN]").click())
        assert await aside(lambda: complaints(chinese)) == []


async def test_faults_scenarios_and_the_clock_are_switched_by_keyboard(chinese: Chrome) -> None:
    async with Sandbox() as sandbox:
        await aside(lambda: chinese.get(sandbox.http_url))
        await aside(lambda: type_into(chinese, "fault-find", "login_slow"))
        await aside(lambda: shown(chinese, "#fault-login_slow[role=switch][aria-checked=false]"))
        await aside(lambda: until_hidden(chinese, "#fault-slow"))
        await aside(lambda: type_into(chinese, "fault-login_slow", Keys.SPACE))
        await aside(lambda: shown(chinese, "#fault-login_slow[aria-checked=true]"))
        assert [armed.name for armed in sandbox.faults] == ["login_slow"]
        await aside(lambda: type_into(chinese, "fault-login_slow", Keys.SPACE, has_focus=True))
        await aside(lambda: shown(chinese, "#fault-login_slow[aria-checked=false]"))
        assert list(sandbox.faults) == []

        await aside(lambda: press(chinese, "scenario-gateway_away"))
        await aside(lambda: until_text(chinese, "#faults", "handshake_503"))
        await aside(lambda: press(chinese, "clock-hour"))
        await aside(lambda: until_text(chinese, "#clock", "1:00:00"))
        assert sandbox.clock.offset_seconds == 3600
        await aside(lambda: press(chinese, "reset-go"))
        await aside(lambda: WebDriverWait(chinese, SECONDS).until(lambda _: not list(sandbox.faults)))
        assert await aside(lambda: complaints(chinese)) == []


async def test_texts_of_a_stranger_stay_texts_in_the_browser(chinese: Chrome) -> None:
    async with Sandbox() as sandbox, logged_in(sandbox, "u<b>1") as speaker:
        await aside(lambda: chinese.get(sandbox.http_url))
        await _order_of_a_stranger(speaker)
        await aside(lambda: until_text(chinese, "#scans", "window.evil=1"))
        sandbox.confirm(sandbox.waiting_scans()[0].token)
        await speaker.hear()
        await aside(lambda: until_text(chinese, "#invoices", "window.evil=1"))
        seen = "return [window.evil ?? 0, document.querySelectorAll('main img[src=x], main script, main b').length]"
        assert await aside(lambda: chinese.execute_script(seen)) == [0, 0]
        assert await aside(lambda: complaints(chinese)) == []


async def _order_of_a_stranger(speaker: Client) -> None:
    item = {"name": EVIL, "quantity": 1, "spec": EVIL, "unit": "", "unitPrice": 1}
    await speaker.issue(remark=EVIL, buyerName=EVIL, sellerName=EVIL, invoiceItems=[item])
    await speaker.hear()


async def test_a_strangers_page_changes_nothing_here(chinese: Chrome) -> None:
    """Neither by a script nor by a form: the browser says where the request comes from, and is told no."""
    async with Sandbox() as sandbox:
        sandbox.faults.arm("slow")
        target = f"{sandbox.http_url}/_sandbox/reset"
        # At once, and the form a moment later: the driver runs a script again where it saw the page go away.
        script = (
            "fetch(arguments[0], {method: 'POST', mode: 'no-cors'}).catch(() => null);"
            "const f = document.createElement('form'); f.method = 'POST'; f.action = arguments[0];"
            "document.body.append(f); setTimeout(() => f.submit(), 500)"
        )
        await aside(lambda: chinese.get("data:text/html,<title>elsewhere</title>"))
        await aside(lambda: chinese.execute_script(script, target))
        await aside(lambda: until_text(chinese, "body", "another origin"))
        assert [armed.name for armed in sandbox.faults] == ["slow"]
        await aside(lambda: complaints(chinese))  # of the browser itself, about what it was refused


async def test_without_scripts_the_buttons_work_too(chinese: Chrome) -> None:
    async with Sandbox() as sandbox, logged_in(sandbox) as speaker:
        await speaker.issue(remark="SO-18")
        await speaker.hear()
        (scan,) = sandbox.waiting_scans()
        command = "Emulation.setScriptExecutionDisabled"
        await aside(lambda: chinese.execute_cdp_cmd(command, {"value": True}))
        try:
            await aside(lambda: chinese.get(sandbox.http_url))
            await aside(lambda: shown(chinese, f"#confirm-{scan.token}").click())
            assert (await speaker.hear())["type"] == "invoice_pdf"
            await aside(lambda: WebDriverWait(chinese, SECONDS).until(lambda _: "SO-18" in chinese.page_source))
            assert await aside(lambda: chinese.current_url) == f"{sandbox.http_url}/"
        finally:
            await aside(lambda: chinese.execute_cdp_cmd(command, {"value": False}))
