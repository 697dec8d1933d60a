"""Programs that tests call and that no Python package brings. Knows nothing of what they are called for."""

import shutil

from deploy.provisioning import CannotProvisionError, packages
from deploy.provisioning.packages import Say


def promtool(say: Say) -> str:
    """Path of Prometheus' promtool: the installed one, or Debian's. Raises CannotProvisionError."""
    found = shutil.which("promtool")
    if found is None and packages.can_install():
        packages.install(["prometheus"], "prometheus", say)
        found = shutil.which("promtool")
    if found is None:
        raise CannotProvisionError("promtool is missing: install Prometheus (Debian's package prometheus has it).")
    return found
