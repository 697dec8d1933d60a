"""Debian packages, as the last way to a server. It says what it installs before it does.

Guarantees that no service is started by the installation: a policy says no to it meanwhile. It does not touch a
machine where it is not root or where there is no apt-get.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.provisioning import CannotProvisionError

Say = Callable[[str], None]
POLICY = Path("/usr/sbin/policy-rc.d")


def can_install() -> bool:
    """Tell whether this process may install packages of Debian or a relative of it."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str], service: str | None, say: Say) -> None:
    """Install packages; `service`, which may come with them, stays stopped. Raises CannotProvisionError."""
    names = " ".join(packages)
    aside = f" (its service {service} is not started)" if service else ""
    say(f"Installing Debian's package {names} with apt-get{aside}.")
    with _one_at_a_time(), _no_service_starts():
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
        ):
            done = subprocess.run(
                command,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            # An update may fail for one stale source and still know the package; only the installation decides.
            if done.returncode and "install" in command:
                tail = " ".join((done.stderr or done.stdout).strip().splitlines()[-2:])
                raise CannotProvisionError(f"apt-get could not install {names}: {tail}")
    if service and Path("/run/systemd/system").exists():
        say(f"Debian starts {service} at the next boot; if you do not want that: systemctl disable --now {service}")


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Parallel tests may want packages at the same moment, and apt-get does not wait for another apt-get."""
    with Path(tempfile.gettempdir(), "fapiao-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _no_service_starts() -> Iterator[None]:
    """Have Debian's maintainer scripts leave services alone (invoke-rc.d asks this file)."""
    policy = POLICY
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()
