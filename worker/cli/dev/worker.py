"""`python -m worker.cli.dev.worker`: the worker of a `dev`, which goes by the sandbox's clock. `dev` starts it, and
nothing else can: it refuses to run where no `dev` holds the folder, and beside a gateway on another machine."""

from pathlib import Path
from urllib.parse import urlsplit

import typer

from worker.addresses import is_loopback
from worker.cli.dev.clock import SandboxClock
from worker.cli.dev.home import Home
from worker.cli.serve import run_by
from worker.cli.terminal import USAGE, Stop, explained, load_settings


def main() -> None:
    """Run until SIGTERM, as `fapiao-worker run` does."""
    home = Home(Path.cwd())
    with explained():
        gateway = urlsplit(load_settings(beside_dev=False).gateway_url)
        if home.running() is None or not is_loopback(gateway.hostname or ""):
            raise Stop("This is the worker of `fapiao-worker dev`, and runs beside its sandbox alone.", USAGE)
    run_by(SandboxClock(home.clock))


if __name__ == "__main__":
    typer.run(main)
