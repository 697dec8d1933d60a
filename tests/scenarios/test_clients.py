"""The sample clients, beside one `fapiao-worker dev`: each with a good order, a refused login, a rejected order and a
doubtful one. The one in C# is not run: Debian has no toolchain for it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.beside_dev import Dev
from tests.scenarios.client_programs import CLIENTS, LANGUAGES, Program
from tests.scenarios.worker_process import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.xdist_group("clients"),  # one dev for all
    pytest.mark.usefixtures("amqp_server"),
]

Order = dict[str, Any]


def _good(_order: Order) -> None:
    pass


def _refused(order: Order) -> None:
    order["login"]["password"] = "refuse-login"


def _rejected(order: Order) -> None:
    order["invoice"]["buyerNmae"] = order["invoice"].pop("buyerName")


def _doubtful(order: Order) -> None:
    order["invoice"]["remark"] = f"{order['userId']}#fault=dropped_after_issuing"


CASES: dict[str, tuple[Callable[[Order], None], int, list[str]]] = {
    "good": (_good, 0, ["published", "qr_required", "completed", "confirmed"]),
    "refused": (_refused, 1, ["published", "failed"]),
    "rejected": (_rejected, 2, ["published", "rejected"]),
    "doubtful": (_doubtful, 0, ["published", "qr_required", "in_doubt", "completed", "confirmed"]),
}
"""What is done to an order, the client's exit code, and the first word of each line that it prints."""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with Dev(tmp_path_factory.mktemp("dev"), "--auto-scan", "0.5") as running:
        yield running


@pytest.fixture(scope="module")
def sample(dev: Dev) -> Order:
    return dict(json.loads(dev.call("example", "--data").stdout))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_client_tells_what_became_of_each_order(language: str, dev: Dev, sample: Order, tmp_path: Path) -> None:
    """And, started again, tells the same without publishing: what became of it lies beside the order."""
    program = LANGUAGES[language](tmp_path)

    with ThreadPoolExecutor(len(CASES)) as pool:
        ids = list(pool.map(lambda case: _play(case, dev.folder / f"{language}-{case}", dev, sample, program), CASES))

    nowhere = program.environment | {"FAPIAO_AMQP_URL": "amqp://guest:guest@127.0.0.1:1/%2f"}
    (tmp_path / "order.json").write_text(json.dumps(sample))
    lost = dev.run([*program.command, str(tmp_path / "order.json")], nowhere, folder=tmp_path)
    assert (lost.returncode, lost.stdout) == (4, ""), "that is no failed order"
    commands = [each["commandId"] for each in json.loads(dev.call("list", "--json").stdout)]
    assert [commands.count(identifier) for identifier in ids] == [1] * len(CASES)


def _play(case: str, folder: Path, dev: Dev, sample: Order, program: Program) -> str:
    """Run one case in a folder of its own, twice; the command's id."""
    change, code, words = CASES[case]
    folder.mkdir()
    order = deepcopy(sample) | {"userId": folder.name, "orderNo": folder.name}
    order["login"]["phone"] = folder.name
    change(order)
    (folder / "order.json").write_text(json.dumps(order, ensure_ascii=False))
    environment = program.environment | {"FAPIAO_AMQP_URL": dev.note["amqpUrl"], "SHOP_REPLIES": folder.name}
    command = [*program.command, str(folder / "order.json")]

    first = dev.run(command, environment, folder=folder)
    again = dev.run(command, environment, folder=folder)

    assert [line.partition(" ")[0].rstrip(":") for line in first.stdout.splitlines()] == words, first.stderr
    assert (first.returncode, again.returncode) == (code, code)
    assert again.stdout == first.stdout.splitlines(keepends=True)[-1]
    assert (folder / "qr.html").exists() == ("qr_required" in words)
    return (folder / "order.id").read_text()


def test_the_typed_client_is_built_and_runs_without_anything_of_the_worker(
    dev: Dev, sample: Order, tmp_path: Path
) -> None:
    """`fapiao-contracts`, installed alone from its wheel: four orders over one connection, each to its own outcome."""
    installed = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    _made([*pip, *build, str(CLIENTS.parent / "distribution")])
    [wheel] = tmp_path.glob("fapiao_contracts-*.whl")
    _made([*pip, "install", "--no-index", "--no-deps", "--target", str(installed), str(wheel)])

    script = str(Path(__file__).with_name("typed_orders.py"))
    done = dev.run([sys.executable, script, dev.note["amqpUrl"], json.dumps(sample)], {"PYTHONPATH": str(installed)})

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "good": ["QrRequired", "Completed", "Confirmed", "398.00"],
        "refused": ["Failed", "login_refused"],
        "doubtful": ["QrRequired", "InDoubt", "Completed", "Confirmed", "398.00"],
        "rejected": ["Rejected", "id_reused"],
        "unfollowed": ["Failed"],
    }
    _made([sys.executable, "-c", IMPORT_ALL.format(installed=str(installed))])

    [program] = re.findall(r"```python\n(.*?)```", (CLIENTS.parent / "distribution/README.md").read_text(), re.DOTALL)
    (tmp_path / "order.json").write_text(json.dumps(sample | {"userId": "readme", "orderNo": "readme"}))
    printed = program.replace("amqp://guest:guest@127.0.0.1:5672/%2f", dev.note["amqpUrl"])
    done = dev.run([sys.executable, "-c", printed], {"PYTHONPATH": str(installed)}, folder=tmp_path)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["scan", "number"], done.stderr


IMPORT_ALL = """
import pkgutil, sys
sys.path.insert(0, {installed!r})
for name in ("orjson", "aio_pika", "aiormq", "worker", "contracts"):
    sys.modules[name] = None
import fapiao_contracts
for module in pkgutil.walk_packages(fapiao_contracts.__path__, "fapiao_contracts."):
    if module.name != "fapiao_contracts.client":
        __import__(module.name)
from fapiao_contracts.texts import FAILURES
assert FAILURES["login_refused"].zh.happened
"""


def _made(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr


def test_every_client_that_is_published_is_run_or_said_not_to_be() -> None:
    published = {path.name for path in CLIENTS.iterdir() if path.is_dir()}

    assert published == {*LANGUAGES, "csharp"}
