"""The page of the contract holds all it needs, and nothing in the contract can end its script."""

import json

import pytest

from contracts import caller
from deploy.release import page


def test_it_is_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"info": {"title": "A <b>", "version": "1"}, "x": "</script><!-- 发票"}
    monkeypatch.setattr(caller, "document", lambda: told)

    made = page.page("alert('</script>')", "body { color: red }")

    assert made.count("</script>") == 2, "its own two scripts end, and none before"
    assert "<!-- 发票" not in made
    assert "<title>A &lt;b&gt; 1</title>" in made
    assert "body { color: red }" in made
    shown = made[made.index("{schema: ") + len("{schema: ") : made.index(", config: ")]
    assert json.loads(shown) == told
    assert "http" not in made.replace("<!DOCTYPE html>", "").replace("<html", "").replace("</html", "")


def test_a_wrong_call_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert page.main([]) == 64
    assert "FILE.html" in capsys.readouterr().err
