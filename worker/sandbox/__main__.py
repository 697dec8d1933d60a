"""``python -m worker.sandbox``: run the sandbox, print one line of JSON when it listens."""

import argparse
import sys
from datetime import date
from pathlib import Path

import uvloop

from worker.sandbox.server import Sandbox, SandboxOptions, ready_line, run


def options_from(arguments: list[str]) -> SandboxOptions:
    """Read the command line. Exits with status 2 and a sentence if it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m worker.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--public-url", help="how phones reach this port, for QRs and file addresses")
    parser.add_argument("--qr", choices=("auto", "always", "never"), default="always")
    parser.add_argument("--auto-scan-seconds", type=float, help="confirm scans by itself after so long")
    parser.add_argument("--qr-valid-seconds", type=float, default=300.0)
    parser.add_argument("--login-delay-seconds", type=float, default=0.0)
    parser.add_argument("--issue-delay-seconds", type=float, default=0.0)
    parser.add_argument("--query-delay-seconds", type=float, default=0.0)
    parser.add_argument("--download-delay-seconds", type=float, default=0.0)
    parser.add_argument("--archive-count", type=int, default=0, help="invoices of the past, of every company")
    parser.add_argument("--archive-seed", type=int, default=1, help="another seed is another past")
    parser.add_argument("--archive-from", type=date.fromisoformat, default=date(2024, 1, 1))
    parser.add_argument("--archive-to", type=date.fromisoformat, default=date(2024, 12, 31))
    parser.add_argument("--archive-company", help="the only company that has an archive")
    parser.add_argument("--files-not-ready", type=int, default=0, help="so many look-ups find no files at first")
    parser.add_argument("--notice-at-end", dest="notice_per_page", action="store_false")
    parser.add_argument("--ledger-path", type=Path, help="keep the books in this file")
    parser.add_argument("--careful-unregister", dest="naive_unregister", action="store_false")
    return SandboxOptions(**vars(parser.parse_args(arguments)))


def _announce(sandbox: Sandbox) -> None:
    sys.stdout.write(ready_line(sandbox) + "\n")
    sys.stdout.flush()


def main() -> None:
    uvloop.run(run(options_from(sys.argv[1:]), _announce))


if __name__ == "__main__":
    main()
