"""Makes what the services of compose.yaml must know of each other: two passwords, and the key of the journal.

Runs once per start in the service `secrets`, with one folder for each service that needs some. Guarantees that a
secret that is there stays as it is, and that one that two services share is made for both of them or not at all.
"""

import base64
import secrets
import sys
from pathlib import Path

ROOT = Path("/secrets")


def main(root: Path = ROOT) -> int:
    """Make what is missing and return the exit code."""
    broker, database, key = secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_bytes(32)
    for files in (
        {
            "broker/rabbitmq.conf": f"default_user = fapiao\ndefault_pass = {broker}\nlog.console = true\n",
            "worker/fapiao_amqp_url": f"amqp://fapiao:{broker}@rabbitmq:5672/",
        },
        {
            "database/password": database,
            "worker/fapiao_database_url": f"postgresql://fapiao:{database}@postgres:5432/fapiao",
        },
        {"worker/fapiao_journal_keys": base64.urlsafe_b64encode(key).decode()},
    ):
        missing = [name for name in files if not (root / name).exists()]
        if 0 < len(missing) < len(files):
            print(f"{' and '.join(missing)} must be given too: {' and '.join(files)} belong together.")
            return 1
        for name in missing:
            (root / name).write_text(files[name])
            (root / name).chmod(0o444)  # each service runs as a user of its own; only it sees the folder
            print(f"made {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
