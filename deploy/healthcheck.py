"""Asks a local HTTP path, /livez of the worker unless told otherwise: the image's and Compose's health check.

Exit code 0 for an answer 200, else 1. Standard library alone and no proxy: it starts a process every few seconds.
"""

import http.client
import os
import sys


def main(arguments: list[str]) -> int:
    """Ask `[PATH [PORT]]` and return the exit code."""
    path = arguments[0] if arguments else "/livez"
    port = arguments[1] if len(arguments) > 1 else os.environ.get("FAPIAO_HTTP_PORT", "8080")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=4)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        print(answer.status, answer.read(500).decode(errors="replace").strip())
    except OSError as error:
        print(f"no answer: {error}")
        return 1
    return 0 if answer.status == http.HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
