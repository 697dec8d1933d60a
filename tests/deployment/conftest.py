"""Programs that read what is under `deploy/`."""

import pytest

from deploy.provisioning import tools


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own checker of rules. Tests that use it keep to one process: it may have to be installed."""
    return tools.promtool(print)
