"""Writes what is made from other files: the dashboard, and the alert rules as a PrometheusRule.

    .venv/bin/python -m deploy.monitoring.export [--check] [--runbook-url https://…/deploy/README.md]

With `--check` nothing is written; the exit code is 1 if a file is not what it should be. With `--runbook-url` each rule
of the PrometheusRule gets a `runbook_url` as well, for where this repository can be read.
"""

import re
import sys
from pathlib import Path

import yaml

from deploy.monitoring.dashboard import build

HOME = Path(__file__).parent
ALERTS = HOME / "alerts.yaml"
DASHBOARD = HOME / "dashboard.json"
RULE = HOME.parent / "kubernetes" / "components" / "prometheus-operator" / "alerts.yaml"


def prometheus_rule(runbook_url: str = "") -> str:
    """The rules of alerts.yaml as the operator's object, word for word but for the `runbook_url`."""
    head = (
        "# Written by deploy/monitoring/export.py from deploy/monitoring/alerts.yaml.\n"
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: fapiao-worker\nspec:\n"
    )
    rules = ALERTS.read_text(encoding="utf-8")
    body = rules[rules.index("groups:") :]
    if runbook_url:
        body = re.sub(r"( +)runbook: [^#\n]*(#\w+)\n", rf"\g<0>\1runbook_url: {runbook_url}\2\n", body)
    return head + "".join(f"  {line}" if line.strip() else line for line in body.splitlines(keepends=True))


def files(runbook_url: str = "") -> dict[Path, str]:
    """What each file should hold. Raises if a file would be no YAML."""
    rule = prometheus_rule(runbook_url)
    yaml.safe_load(rule)
    return {DASHBOARD: build(), RULE: rule}


def main(arguments: list[str]) -> int:
    """Write, or compare."""
    at = arguments.index("--runbook-url") + 1 if "--runbook-url" in arguments else None
    wanted = files("" if at is None else arguments[at])
    wrong = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in wrong:
        if "--check" not in arguments:
            path.write_text(wanted[path], encoding="utf-8")
        print(f"{'differs' if '--check' in arguments else 'written'}: {path.relative_to(HOME.parent)}")
    return 1 if wrong and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
