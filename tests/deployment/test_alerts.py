"""Alerts and dashboard say what the worker really exposes, and fire when they should."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from deploy.monitoring import export
from worker.clock import SystemClock
from worker.ops.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\b(?:fapiao|process)_[a-z_]+")
LABELS = re.compile(r"(fapiao_[a-z_]+)\{([^}]*)\}")
FROM_SCRAPING = {"namespace", "instance", "job"}
GROUPING = re.compile(r"\bby \(([^)]*)\)")

pytestmark = pytest.mark.xdist_group("promtool")


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(export.ALERTS.read_text("utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def _board() -> dict[str, Any]:
    board: dict[str, Any] = json.loads(export.DASHBOARD.read_text("utf-8"))
    return board


def _board_queries() -> Iterator[tuple[str, str, str]]:
    for panel in _board()["panels"]:
        for target in panel.get("targets") or ():
            yield panel["title"], target["expr"], target.get("legendFormat", "")


def _queries() -> list[str]:
    return [rule["expr"] for rule in _rules()] + [query for _, query, _ in _board_queries()]


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """Every sample name of a worker that has seen everything once, with its labels."""
    metrics = Metrics(SystemClock())
    metrics.admitted("invoice.issue", "accepted")
    metrics.settled("invoice.issue", "failed", "login_refused")
    metrics.gateway_answered("login", 0.2)
    metrics.looked_up("found")
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(metrics.expose()[0].decode())
        for sample in family.samples
    }


def test_every_metric_asked_for_is_exposed(exposed: dict[str, set[str]]) -> None:
    asked = {name for query in _queries() for name in NAME.findall(query)}

    assert asked - set(exposed) == set()
    assert len(asked) > 25


def test_every_label_asked_for_is_there(exposed: dict[str, set[str]]) -> None:
    for query in _queries():
        for name, selector in LABELS.findall(query):
            asked = set(re.findall(r"(\w+)\s*(?:=|!=)", selector)) - FROM_SCRAPING
            assert asked <= exposed[name], f"{query}: {name} has no {asked - exposed[name]}"
        labels = {label for name in NAME.findall(query) for label in exposed[name]}
        grouped = {label.strip() for group in GROUPING.findall(query) for label in group.split(",")}
        assert grouped <= labels | FROM_SCRAPING, query


def test_every_metric_is_shown_or_watched(exposed: dict[str, set[str]]) -> None:
    """A number that nobody looks at is a number too many."""
    asked = {name for query in _queries() for name in NAME.findall(query)}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed if name.startswith("fapiao_")}

    assert {name for name in families if name not in asked and f"{name}_bucket" not in asked} == set()


def test_legends_name_labels_that_the_query_keeps() -> None:
    for title, query, legend in _board_queries():
        named = set(re.findall(r"\{\{(\w+)\}\}", legend))
        kept = {label.strip() for group in GROUPING.findall(query) for label in group.split(",")}
        assert named <= kept or not kept, f"{title}: {legend} of {query}"


def test_the_rules_are_rules(promtool: str) -> None:
    done = _run(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(export.ALERTS))

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(_rules())} rules found" in done.stdout


def test_each_alert_fires_when_it_should_and_not_before(promtool: str) -> None:
    """alerts_test.yaml names every alert that fires at each of its moments."""
    tests = export.HOME / "alerts_test.yaml"
    done = _run(promtool, "test", "rules", str(tests))

    assert done.returncode == 0, done.stdout + done.stderr
    tested = set(re.findall(r'alertname="(\w+)"', tests.read_text("utf-8")))
    assert {rule["alert"] for rule in _rules()} == tested


def test_a_broken_rule_does_not_pass(promtool: str, tmp_path: Path) -> None:
    """That the test above can fail: an outbox that may stand still for an hour is not the one tested."""
    rules = export.ALERTS.read_text("utf-8")
    broken = rules.replace("outbox_overdue_seconds) > 60", "outbox_overdue_seconds) > 3600")
    assert broken != rules
    (tmp_path / "alerts.yaml").write_text(broken)
    whole = yaml.safe_load((export.HOME / "alerts_test.yaml").read_text("utf-8"))
    one = [test for test in whole["tests"] if test["name"] == "The outbox does not move"]
    tests = tmp_path / "alerts_test.yaml"
    tests.write_text(yaml.safe_dump(whole | {"tests": one}))

    done = _run(promtool, "test", "rules", str(tests))

    assert done.returncode != 0
    assert "FapiaoOutboxStuck" in done.stdout + done.stderr


def test_the_dashboards_queries_are_promql(promtool: str, tmp_path: Path) -> None:
    """Prometheus itself reads them, as if they were recording rules."""
    rules = [
        {"record": f"query_{place}", "expr": query.replace("$__rate_interval", "5m").replace("$namespace", ".*")}
        for place, (_, query, _) in enumerate(_board_queries())
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = _run(promtool, "check", "rules", str(file))

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_every_alert_says_what_to_do_about_it() -> None:
    """The runbook has an entry for each, and none for what is no alert any more."""
    entries = set(re.findall(r"^#+ (Fapiao\w+)$", (DEPLOY / "README.md").read_text("utf-8"), re.MULTILINE))

    assert entries == {rule["alert"] for rule in _rules()}
    for rule in _rules():
        assert rule["annotations"]["runbook"] == f"deploy/README.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_where_the_runbook_is_served_each_rule_says_so() -> None:
    """A place in a repository is no address that a pager could open."""
    rules = yaml.safe_load(export.prometheus_rule("https://wiki.example/deploy/README.md"))["spec"]["groups"][0][
        "rules"
    ]

    for rule in rules:
        assert rule["annotations"]["runbook_url"] == f"https://wiki.example/{rule['annotations']['runbook']}"


def test_what_is_made_from_other_files_is_up_to_date() -> None:
    assert {path.name for path, text in export.files().items() if path.read_text("utf-8") != text} == set(), (
        "run .venv/bin/python -m deploy.monitoring.export"
    )


def test_the_dashboard_is_one_by_grafanas_own_types() -> None:
    """Read and written again by Grafana's kit, it stays the same; panels have ids of their own and do not overlap."""
    board = _board()
    read = Dashboard.from_json(board)
    assert [panel.title for panel in read.panels or []] == [panel["title"] for panel in board["panels"]]

    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    places = [tuple(panel["gridPos"][key] for key in ("x", "y")) for panel in board["panels"]]
    assert len(places) == len(set(places))


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
