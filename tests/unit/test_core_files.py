"""No core file is written of a process that forbade it, whatever limit it was started with."""

import os
import signal
import subprocess
import sys
from pathlib import Path

_DIES = "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"
_FORBIDS = "from worker.service import forbid_core_files; forbid_core_files();"
_ALLOWS = "import resource as r; r.setrlimit(r.RLIMIT_CORE, (r.getrlimit(r.RLIMIT_CORE)[1],) * 2);"
ROOT = Path(__file__).resolve().parents[2]


def _end_of(program: str, folder: Path) -> int:
    """How the kernel says that it ended: `CLD_DUMPED` or `CLD_KILLED`."""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)})
    told = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    process.wait(60)
    assert told is not None
    assert told.si_status == signal.SIGABRT
    return int(told.si_code)


def test_a_process_that_forbade_it_leaves_no_core(tmp_path: Path) -> None:
    """The kernel itself says whether it dumped."""
    assert _end_of(_ALLOWS + _FORBIDS + _DIES, tmp_path) == os.CLD_KILLED
    assert list(tmp_path.iterdir()) == []


def test_neither_the_limit_nor_the_kernel_flag_is_left_open() -> None:
    program = (
        _FORBIDS + "import ctypes, resource;"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )

    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=240
    )

    assert told.stdout.split(") ") == ["(0, 0", "0\n"]
