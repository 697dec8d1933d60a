"""Programs and libraries that tests call and no Python package brings. Knows nothing of what they are called for."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.provisioning import CannotProvisionError, packages
from deploy.provisioning.packages import Say

SERVERS = "/usr/sbin"


def promtool(say: Say) -> str:
    """Path of Prometheus' promtool: the installed one, or Debian's. Raises CannotProvisionError."""
    return _of_a_service("promtool", "Prometheus", "prometheus", say)


def pgbouncer(say: Say) -> str:
    """Path of PgBouncer: the installed one, or Debian's. Raises CannotProvisionError."""
    return _of_a_service("pgbouncer", "PgBouncer", "pgbouncer", say)


def _of_a_service(program: str, title: str, package: str, say: Say) -> str:
    """A program that comes with a service, which stays stopped: Debian's package and service have one name."""
    found = _find(program)
    if found is None and packages.can_install():
        packages.install([package], package, say)
        found = _find(program)
    if found is None:
        raise CannotProvisionError(f"{program} is missing: install {title} (Debian's package {package} has it).")
    return found


def _find(program: str) -> str | None:
    """Also where Debian keeps servers, which is not on everybody's search path."""
    return shutil.which(program) or shutil.which(program, path=SERVERS)


@dataclass(frozen=True)
class Toolchain:
    """What a program in some language needs: commands, files of libraries, and Debian's packages that bring both."""

    name: str
    commands: tuple[str, ...]
    libraries: tuple[Path, ...]
    packages: tuple[str, ...]

    def is_there(self) -> bool:
        """Tell whether nothing is missing."""
        return all(map(shutil.which, self.commands)) and all(library.exists() for library in self.libraries)


PHP = Toolchain("PHP", ("php",), (Path("/usr/share/php/PhpAmqpLib/autoload.php"),), ("php-cli", "php-amqplib"))
GO = Toolchain(
    "Go",
    ("go",),
    (Path("/usr/share/gocode/src/github.com/rabbitmq/amqp091-go"),),
    ("golang-go", "golang-github-rabbitmq-amqp091-go-dev"),
)
JAVA_LIBRARIES = tuple(
    Path(f"/usr/share/java/{name}.jar") for name in ("amqp-client", "slf4j-api", "slf4j-nop", "gson")
)
JAVA = Toolchain(
    "Java",
    ("java", "javac"),
    JAVA_LIBRARIES,
    ("default-jdk-headless", "librabbitmq-client-java", "libslf4j-java", "libgoogle-gson-java"),
)
NODE = Toolchain("Node", ("node", "npm"), (), ("nodejs", "npm"))
CHROMIUM = Toolchain("the browser", ("chromium", "chromedriver"), (), ("chromium", "chromium-driver"))


def toolchain(wanted: Toolchain, say: Say) -> None:
    """Have a language's tools: those that are there, or Debian's. Raises CannotProvisionError."""
    if not wanted.is_there() and packages.can_install():
        packages.install(list(wanted.packages), None, say)
    if not wanted.is_there():
        names = " ".join(wanted.packages)
        raise CannotProvisionError(f"The tools for {wanted.name} are missing: install Debian's packages {names}.")
