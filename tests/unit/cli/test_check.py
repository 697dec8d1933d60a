"""`check`: judged on this machine, with its settings, without a broker."""

import json
from pathlib import Path

import pytest

from contracts import example_files

from .conftest import Run

ORDER = example_files.commands()["invoice.issue"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An order to check."""
    return write(tmp_path, ORDER)


def write(folder: Path, order: object) -> Path:
    """A command file."""
    path = folder / "order.json"
    path.write_text(json.dumps(order))
    return path


def test_a_good_order_is_shown_as_it_would_be_sent(run: Run, file: Path) -> None:
    done = run("check", str(file), "--json")
    told = json.loads(done.stdout)

    assert done.exit_code == 0
    assert told["accepted"] is True
    assert told["invoice"]["sellerLoginPassword"] == "***"
    assert "sandbox-password" not in done.stdout
    assert "prices without tax, rate 13%: 398.00 + 51.74 = 449.74" in run("check", str(file)).stdout


def test_bare_data_are_an_order(run: Run, tmp_path: Path) -> None:
    assert run("check", str(write(tmp_path, ORDER["data"]))).exit_code == 0


def test_every_fault_is_shown_and_the_exit_code_is_that_of_a_rejection(run: Run, tmp_path: Path) -> None:
    bad = json.loads(json.dumps(ORDER))
    bad["data"]["invoice"] |= {"buyerName": "", "remark": "x" * 231}
    done = run("check", str(write(tmp_path, bad)))

    assert done.exit_code == 2
    assert "/invoice/buyerName: must not be empty" in done.stdout
    assert "FAPIAO_REMARK_MAX_CHARS" in done.stdout


def test_the_settings_of_this_machine_count(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAPIAO_REMARK_MAX_CHARS", "3")

    assert run("check", str(file)).exit_code == 2


def test_what_cannot_be_read_is_said(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    path.write_text("{")

    assert "not JSON" in run("check", str(path)).stdout
    assert run("check", str(tmp_path / "none.json")).exit_code == 2
