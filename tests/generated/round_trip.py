"""Reads each message with the models that datamodel-code-generator wrote for Python, and writes it back.

    python round_trip.py FOLDER-OF-models.py < {"Type": ["message", …], …}

Runs in the generator's own environment: it may import nothing of this project.
"""

import json
import sys


def main() -> None:
    """Read from stdin, write to stdout."""
    sys.path.insert(0, sys.argv[1])
    import models  # type: ignore[import-not-found, unused-ignore]

    written = {
        kind: [
            getattr(models, kind).model_validate_json(message).model_dump_json(by_alias=True) for message in messages
        ]
        for kind, messages in json.load(sys.stdin).items()
    }
    json.dump(written, sys.stdout)


if __name__ == "__main__":
    main()
