"""No core files: while a command runs its password is in this process's memory, and a core file is that memory on disk.

Guarantees that, after `forbid`, the kernel writes no core of this process, not to a file and not to a pipe, and that
no other process of the same user can read its memory or attach to it.
"""

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4


def forbid() -> None:
    """For the rest of this process's life. Raises `OSError` where the kernel refuses."""
    # The limit holds for children too; a core that goes to a pipe pays no attention to it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
