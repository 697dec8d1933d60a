"""The test kit that callers get (`worker/testkit`): used as they do, and from the wheel in a project of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.worker_process import PATIENCE_SECONDS
from worker.testkit.broker import KitBroker
from worker.testkit.processes import KitError, KitSandbox, KitWorker
from worker.testkit.scenario import Scenario

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.xdist_group("testkit")  # one worker for all


@pytest.fixture(scope="session")
def fapiao_broker(amqp_url: str) -> KitBroker:
    """The tests' own, where nothing may be left behind."""
    return KitBroker(amqp_url, is_ours=False)


def test_three_lines_tell_that_an_order_is_invoiced(fapiao: Scenario) -> None:
    story = fapiao.issue(fapiao.order(expectedTotal="398.00"))

    assert story.outcomes == ["qr_required", "completed", "confirmed"]
    assert story["confirmed"]["expectedTotalMatches"] is True


def test_what_goes_wrong_is_asked_for_by_name(fapiao: Scenario, fapiao_sandbox: KitSandbox) -> None:
    """In the login or in the order, wherever the fault belongs."""
    order = fapiao.order(fault="dropped_after_issuing")
    refused = fapiao.publish(fapiao.order(fault="login_refused"))

    found = fapiao.issue(order)

    assert found.outcomes == ["qr_required", "in_doubt", "completed", "confirmed"]
    assert fapiao.follow(refused).last["code"] == "login_refused"
    assert [invoice["remark"] for invoice in fapiao_sandbox.invoices()] == [order["invoice"]["remark"]]
    assert fapiao_sandbox.wait("invoice.issued", remark=order["invoice"]["remark"])["event"] == "invoice.issued"
    with pytest.raises(KitError, match="knows no fault 'login_refusd'"):
        fapiao.order(fault="login_refusd")


def test_a_worker_that_was_killed_goes_on_and_submits_nothing_twice(
    fapiao: Scenario, fapiao_worker: KitWorker, fapiao_sandbox: KitSandbox
) -> None:
    order = fapiao.order(fault="slow=2")
    command = fapiao.publish(order)
    fapiao.wait_for("qr_required", orderNo=order["orderNo"])

    fapiao_worker.kill()
    fapiao_worker.start()

    assert fapiao.follow(command).outcomes[-1] == "confirmed"
    assert fapiao_sandbox.submissions(order["invoice"]["remark"]) == 1


def test_what_does_not_come_is_said_with_what_came_instead(fapiao: Scenario) -> None:
    with pytest.raises(KitError, match=r"not within 0.2 s: the end of nobody; told so far: nothing"):
        fapiao.follow("nobody", seconds=0.2)
    order = fapiao.order(invoice={"buyerName": ""})
    fapiao.issue(order)
    with pytest.raises(KitError, match=r"confirmed with .*; told so far: \['rejected'\]"):
        fapiao.wait_for("confirmed", orderNo=order["orderNo"], seconds=0.2)


PROJECT = {
    "pytest.ini": "[pytest]\nfilterwarnings = error\n",
    "conftest.py": """
import pytest

@pytest.fixture(scope="session")
def fapiao_settings():
    return {"FAPIAO_DUPLICATES": "reject"}
""",
    "test_shop.py": """
import worker

def test_an_order_is_invoiced(fapiao):
    story = fapiao.issue(fapiao.order())
    assert story.outcomes[-1] == "confirmed"

def test_the_kit_is_the_installed_one(fapiao_broker, fapiao_worker):
    assert "installed" in worker.__file__
    assert fapiao_broker.is_ours and fapiao_worker.prefix == "fapiao"
""",
}


def test_a_project_with_the_wheel_installed_has_the_fixtures(amqp_server: object, tmp_path: Path) -> None:
    """Nothing of this checkout in sight, no option given: the broker is started by the kit."""
    del amqp_server  # which installs RabbitMQ where need be
    installed, project = tmp_path / "installed", tmp_path / "shop"
    project.mkdir()
    for name, text in PROJECT.items():
        (project / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _made([*pip, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)])
    [wheel] = tmp_path.glob("fapiao_worker-*.whl")
    _made([*pip, "install", "--no-index", "--no-deps", "--target", str(installed), str(wheel)])

    outside = {name: value for name, value in os.environ.items() if not name.startswith(("FAPIAO_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-n", "0"],
        cwd=project,
        env=outside | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def _made(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
