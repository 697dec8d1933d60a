"""deploy/compose.yaml as its reader runs it: one command to the issued invoice, and secrets that nobody else sees."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.images.conftest import ROOT, docker
from worker.servers.processes import LOOPBACK, Guard, free_port, wait_until

# One process: all tests share one project, which takes half a minute to start.
pytestmark = pytest.mark.xdist_group("compose")
SERVICES = ("secrets", "rabbitmq", "postgres", "upgrade", "worker", "sandbox")
IMAGES = {"RABBITMQ_IMAGE": "TEST_RABBITMQ_IMAGE", "POSTGRES_IMAGE": "TEST_POSTGRES_IMAGE"}


class Project:
    """A Compose project of the test's own: its names, ports and volumes meet no other, and it ends with its owner."""

    def __init__(self, image: str) -> None:
        self._guard = Guard("compose")
        self._name = f"fapiao-test-{uuid.uuid4().hex[:8]}"
        self._output = self._guard.directory / "demo.out"
        port = free_port()
        self.sandbox = f"http://{LOOPBACK}:{port}"
        self._words = ["compose", "--project-name", self._name, "--file", "deploy/compose.yaml"]
        self._variables = {"FAPIAO_IMAGE": image, "AMQP_PORT": str(free_port()), "SANDBOX_PORT": str(port)}
        self._variables |= {name: os.environ[given] for name, given in IMAGES.items() if given in os.environ}

    def __call__(self, *words: str) -> str:
        """Run a Compose command to its end and return what it printed."""
        return docker(*self._words, *words, seconds=600, environment=self._variables)

    def start_demo(self) -> "subprocess.Popen[bytes]":
        """Start the one command; nobody sits at its terminal."""
        for service in SERVICES:
            self._guard.watch("container", f"{self._name}-{service}-1")
        with self._output.open("wb") as sink:
            return subprocess.Popen(
                ["docker", *self._words, "run", "--rm", "demo"],
                cwd=ROOT,
                env=os.environ | self._variables,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        """All that the one command printed."""
        return self._output.read_text()

    def services(self) -> dict[str, dict[str, str]]:
        """Each service's container as `docker compose ps` tells it."""
        lines = self("ps", "--all", "--format", "json").splitlines()
        return {row["Service"]: row for row in map(json.loads, lines)}

    def close(self) -> None:
        """Remove it with all its data."""
        self("--profile", "demo", "down", "--volumes", "--timeout", "10")
        self._guard.close()


@pytest.fixture(scope="module")
def project(worker_image: str) -> Iterator[Project]:
    """The project after its one command has issued the invoice."""
    made = Project(worker_image)
    try:
        demo = made.start_demo()
        _scan(made, demo)
        assert demo.wait(120) == 0, made.said()
        yield made
    finally:
        made.close()


def _scan(project: Project, demo: "subprocess.Popen[bytes]") -> None:
    """Do what a phone does: open the link of the QR, press the button."""

    def waiting() -> list[dict[str, str]]:
        try:
            found: list[dict[str, str]] = httpx.get(f"{project.sandbox}/_sandbox/scans").json()
        except httpx.TransportError:
            return []
        return found

    assert wait_until(lambda: bool(waiting()) or demo.poll() is not None, None, 600)
    for scan in waiting():
        assert httpx.get(scan["url"]).status_code == 200
        assert httpx.post(f"{scan['url']}/confirm").is_success


def test_one_command_issues_an_invoice(project: Project) -> None:
    """Secrets, broker, database, schema, sandbox, worker and order, each when what it needs is healthy."""
    assert "qr_required" in project.said()
    assert "completed" in project.said()
    address = project.said().rpartition("PDF: ")[2].split()[0]
    assert httpx.get(address).content.startswith(b"%PDF")
    healthy = {name for name, row in project.services().items() if row["Health"] == "healthy"}
    assert healthy == {"rabbitmq", "postgres", "worker", "sandbox"}


def test_secrets_are_in_files_and_never_in_a_setting(project: Project) -> None:
    """`docker inspect` shows settings to everybody who may talk to the engine, and shells pass them on."""
    address = project("exec", "-T", "worker", "cat", "/run/worker-secrets/fapiao_amqp_url")
    password = address.partition("fapiao:")[2].partition("@")[0]
    assert len(password) >= 32
    inspected = docker("inspect", *project("ps", "--all", "--quiet").split())
    assert password not in inspected
    others = project("exec", "-T", "postgres", "sh", "-c", "ls /run /run/*secrets*")
    assert "amqp" not in others
    assert "worker" not in others


def test_a_second_start_keeps_the_secrets_and_takes_more_workers(project: Project) -> None:
    """What was stored under the old passwords and key stays readable; replicas share one schema."""
    before = project("exec", "-T", "worker", "cat", "/run/worker-secrets/fapiao_journal_keys")
    project("stop")
    project("--profile", "demo", "up", "--detach", "--wait", "--scale", "worker=2", "--scale", "demo=0")
    assert project("exec", "-T", "worker", "cat", "/run/worker-secrets/fapiao_journal_keys") == before
    assert len(project("ps", "--quiet", "worker").split()) == 2
    listed = json.loads(project("exec", "-T", "worker", "fapiao-worker", "list", "--json"))
    assert {command["state"] for command in listed} == {"completed"}


def test_every_service_but_the_servers_is_confined(project: Project) -> None:
    """The same limits as in production, so that what they break is seen at home."""
    services = json.loads(project("--profile", "demo", "config", "--format", "json"))["services"]
    for name in set(services) - {"rabbitmq", "postgres"}:
        assert services[name]["read_only"] is True, name
        assert services[name]["cap_drop"] == ["ALL"], name
        assert services[name]["security_opt"] == ["no-new-privileges:true"], name
    published = [port["host_ip"] for service in services.values() for port in service.get("ports", [])]
    assert published
    assert set(published) == {LOOPBACK}
