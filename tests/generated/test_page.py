"""The contract as a page, drawn by AsyncAPI's component, as a browser shows it."""

import html
import re
import subprocess
from pathlib import Path

import pytest

from contracts import caller
from deploy.provisioning import CannotProvisionError, tools
from deploy.release import page

pytestmark = pytest.mark.xdist_group("generators")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> str:
    """All text on the page, once its script has run, without a network."""
    folder = tmp_path_factory.mktemp("page")
    file = folder / "contract.html"
    assert page.main([str(file)]) == 0
    tools.toolchain(tools.CHROMIUM, print)
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=30000"]
    alone = [f"--user-data-dir={folder}/profile", "--host-resolver-rules=MAP * ~NOTFOUND"]
    done = subprocess.run(
        [*browser, *alone, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=240, check=True
    )
    body = done.stdout[done.stdout.index('<div id="contract">') : done.stdout.index("<noscript>")]
    return html.unescape(re.sub(r"<[^>]+>", " ", body))


def test_it_shows_every_message_that_a_caller_has_to_do_with(shown: str) -> None:
    titles = {message["title"] for message in caller.document()["components"]["messages"].values()}

    assert [title for title in titles if title not in shown] == []
    assert "结果存疑时请等待" in shown


def test_it_speaks_from_the_callers_side(shown: str) -> None:
    assert "PUBLISH" in shown
    assert "CONSUME" in shown
    assert "dead letter" not in shown


def test_the_component_is_the_one_whose_hash_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a registry serves under that name."""
    monkeypatch.setattr(page, "SHA512", "another")

    with pytest.raises(CannotProvisionError, match="has another hash"):
        page.component(tmp_path)
