"""Log lines on their way out: never in the way of the worker, whatever is at the other end.

Guarantees that writing a line neither raises nor waits: a line that cannot be written (a closed pipe, a full disk) is
dropped and counted, and while the other end takes nothing, lines wait in bounded memory. Lines that can go at once do,
in order, so that the last ones before a crash are there. A regular file never says that it would make its writer wait
(its disk may hang), so its lines are written on a thread. Knows nothing of what a line says.
"""

import atexit
import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

WAITING_BYTES_MAX: Final = 4 * 1024 * 1024
"""So much waits for a slow other end (bytes)."""
AT_ONCE_BYTES: Final = 4096
"""A pipe that can take anything takes so much without making its writer wait (POSIX: PIPE_BUF)."""
END_SECONDS: Final = 2.0
"""How long the end of the process waits for what is still to be written."""


class Terminal(Protocol):
    """A stream with a file behind it."""

    def fileno(self) -> int: ...

    def isatty(self) -> bool: ...


class LineWriter:
    """Stands in for stderr."""

    encoding = "utf-8"

    def __init__(self, stream: Terminal, put: Callable[[int, bytes], int] = os.write) -> None:
        self._stream = stream
        self._put_bytes = put
        self._file = stream.fileno()
        self._may_hang = stat.S_ISREG(os.fstat(self._file).st_mode)
        self._is_cut = False
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLOUT)
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._has_some = threading.Condition(self._lock)
        self._is_writing = False
        self._thread: threading.Thread | None = None
        self.dropped = 0
        """Lines that could not be written, since the start (count)."""
        atexit.register(self.finish)

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return self._stream.isatty()

    def write(self, text: str) -> int:
        """Write one line, now or soon. Never raises, never waits for the other end."""
        data = text.encode(errors="backslashreplace")
        with self._lock:
            if not self._waiting and not self._is_writing and len(data) < AT_ONCE_BYTES and self._can_take():
                self._put_all(data)
            elif self._waiting_bytes + len(data) > WAITING_BYTES_MAX:
                self.dropped += 1
            else:
                self._waiting.append(data)
                self._waiting_bytes += len(data)
                self._start()
                self._has_some.notify()
        return len(text)

    def flush(self) -> None:
        """Nothing to do: a line waits only where the other end makes it."""

    def finish(self, seconds: float = END_SECONDS) -> None:
        """Give what waits a little more time."""
        with self._lock:
            self._has_some.wait_for(lambda: not self._waiting and not self._is_writing, seconds)

    def _can_take(self) -> bool:
        """Whether a write would return at once. What is broken is found by writing."""
        if self._may_hang:
            return False
        try:
            return bool(self._poll.poll(0))
        except OSError:
            return True

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._has_some.wait_for(lambda: bool(self._waiting))
                lines = [*self._waiting]
                self._waiting.clear()
                self._is_writing = True
            for line in lines:
                self._put_all(line)
                with self._lock:
                    self._waiting_bytes -= len(line)
            with self._lock:
                self._is_writing = False
                self._has_some.notify_all()

    def _put_all(self, data: bytes) -> None:
        """Waits as long as the other end makes it. A line of which a full disk took the beginning is lost; the next one
        begins anew."""
        if self._is_cut:
            data = b"\n" + data
        left = data
        try:
            while left:
                left = left[self._put_bytes(self._file, left) :]
        except OSError:
            self.dropped += 1
            self._is_cut = self._is_cut or left is not data
        else:
            self._is_cut = False
