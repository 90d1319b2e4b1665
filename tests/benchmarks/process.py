"""What a process has used, as the kernel counts it."""

import os
from pathlib import Path

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def cpu_ms(pid: int) -> float:
    """Return user and system time of a process, all its threads together, in milliseconds (in steps of a tick)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_MS


def rss_mb(pid: int) -> float:
    """Return how much memory of a process is in RAM now, in megabytes of 10^6 bytes."""
    return _status_mb(pid, "VmRSS:")


def peak_rss_mb(pid: int) -> float:
    """Return the most that was ever in RAM, in megabytes of 10^6 bytes."""
    return _status_mb(pid, "VmHWM:")


def _status_mb(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"process {pid} has no memory: it has ended")
