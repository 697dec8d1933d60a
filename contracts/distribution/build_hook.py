"""Builds `fapiao_contracts` from the modules of `contracts/`, so that there is one source for worker and callers.

Guarantees: what is built imports nothing but itself, pydantic and, in `client`, aio-pika. Modules that draw the
published files or need more than pydantic stay out.
"""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "fapiao_contracts"
LEFT_OUT = re.compile(r"(asyncapi|caller|compatibility|envelope|example_\w+|export|guide|schema_files)\.py")
OURS = re.compile(r"^(\s*)(from|import) contracts\b", re.MULTILINE)


class ContractsHook(BuildHookInterface):
    """Copies the modules under the name that callers import."""

    _made: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds."""
        del version
        here = Path(self.root)
        package = here / PACKAGE
        if not package.is_dir():  # in a source distribution it is there already
            self._made = Path(tempfile.mkdtemp())
            package = self._made / PACKAGE
            copy(here.parent, here / "client.py", package)
        build_data["force_include"][str(package)] = PACKAGE

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called by hatchling when the file is built."""
        del version, build_data, artifact_path
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)


def copy(contracts: Path, client: Path, package: Path) -> None:
    """Make the package from the modules and the client."""
    modules = [path for path in contracts.glob("*.py") if not LEFT_OUT.fullmatch(path.name)]
    modules += contracts.glob("texts/*.py")
    for module in modules:
        copied = package / module.relative_to(contracts)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_text(OURS.sub(rf"\1\2 {PACKAGE}", module.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copy(client, package / "client.py")
    (package / "py.typed").touch()
