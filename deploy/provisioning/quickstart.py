"""`deploy/quickstart`, once a Python is found: environment, RabbitMQ, then `fapiao-worker demo`.

Guarantees that what it started ends with it. It knows of the worker only its command line.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from deploy.provisioning import CannotProvisionError, choice, environment
from worker.servers.processes import Guard

ROOT = Path(__file__).resolve().parents[2]
HELP = """\
deploy/quickstart [--keep] [options of `fapiao-worker demo`]

Makes .venv, finds or starts a RabbitMQ (FAPIAO_AMQP_URL, else a private one), starts a sandbox gateway and a worker,
and issues one invoice: you open the link in the QR and confirm, or, without a terminal, that is done for you. Then one
query finds it again, and one of its files is fetched.
  --keep    leave everything running, for orders of your own, until Ctrl-C
"""
INTERRUPTED = 130


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def main(arguments: list[str]) -> int:
    """Provision, run the demo with these arguments, clear up. Returns the exit code."""
    if {"-h", "--help"} & set(arguments):
        say(HELP)
        return 0
    signal.signal(signal.SIGTERM, _interrupted)
    started = time.monotonic()
    try:
        python = environment.provision(ROOT, development=False, say=say)
        server = choice.obtain_rabbitmq(say)
        try:
            say(f"Ready after {time.monotonic() - started:.0f} s.")
            say("In a terminal of your own, `. .venv/bin/activate` puts the command fapiao-worker on the path.\n")
            code = _demo(python, server.url(), arguments)
        finally:
            server.close()
    except CannotProvisionError as error:
        say(f"deploy/quickstart: {error}")
        return 69
    except KeyboardInterrupt:
        say("deploy/quickstart: interrupted; nothing is left running.")
        return INTERRUPTED
    if code == 0:
        say(f"\nAll of it took {time.monotonic() - started:.0f} s, and nothing is left running.")
        say("`deploy/quickstart --keep` leaves everything up, to send it orders of your own.")
    return code


def _demo(python: Path, amqp_url: str, arguments: list[str]) -> int:
    command = [str(python.with_name("fapiao-worker")), "demo", *arguments]
    guard = Guard("quickstart")
    try:
        demo = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"FAPIAO_AMQP_URL": amqp_url})
        guard.watch("process", demo.pid)
        try:
            code = demo.wait()
        except KeyboardInterrupt:
            # Ctrl-C on a terminal has reached the demo already, a signal to this process alone has not. The demo heeds
            # the first one only, so that sending it again does no harm.
            demo.send_signal(signal.SIGTERM)
            code = demo.wait()
        guard.forget("process", demo.pid)
        return code
    finally:
        guard.close()


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
