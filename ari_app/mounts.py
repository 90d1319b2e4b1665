"""What kind of file system the spool lies on, by the kernel's own word: some cannot keep what is promised here.

A spool must lie on a disk of this machine. On a network file system a rename or a lock holds only as long as a server
somewhere likes, `fsync` promises what that server promises, and one that does not answer stops the gate's journal, and
with it every recording, for minutes. Whoever wants recordings elsewhere has S3 for it.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .errors import SpoolError

MOUNTS: Final = Path("/proc/self/mountinfo")

NETWORK: Final = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs",
        "nfs", "nfs4", "orangefs", "smb3", "smbfs",
        "fuse.beegfs", "fuse.ceph", "fuse.curlftpfs", "fuse.davfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys",
        "fuse.juicefs", "fuse.moosefs", "fuse.mount.nfs", "fuse.rclone", "fuse.s3fs", "fuse.seaweedfs", "fuse.sshfs",
    }
)  # fmt: skip
"""As the kernel names them. What is not among them is taken for a disk: a new one must not stop a hospital's gate."""

_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a file system is mounted, and which kind it is."""

    point: str
    kind: str


def mounts(text: str) -> list[Mount]:
    """Return the mounts of `/proc/self/mountinfo` (proc_pid_mountinfo(5)) in their order; else nothing."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")[0]
        if len(fields) > len(("id", "parent", "device", "root")) and kind:
            found.append(Mount(_ESCAPED.sub(lambda code: chr(int(code[1], 8)), fields[4]), kind))
    return found


def mount_of(path: str, text: str) -> Mount | None:
    """Return on which mount an absolute path lies: the nearest to it, and of those at one place the last."""
    inside = [one for one in mounts(text) if path == one.point or path.startswith(one.point.rstrip("/") + "/")]
    return max(enumerate(inside), key=lambda one: (len(one[1].point), one[0]), default=(0, None))[1]


def objection(path: Path) -> tuple[str, str] | None:
    """Return why the file system under a folder cannot hold a spool, and what to do; None if it can. Raises OSError."""
    try:
        mount = mount_of(os.path.realpath(path), MOUNTS.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        # No /proc: nobody knows.
        mount = None
    if mount is not None and mount.kind in NETWORK:
        why = f"{mount.point} is a network file system ({mount.kind}), where locks, renames and fsync prove nothing"
        return why, "Set spool.path to a folder on a disk of this machine; recordings go on to S3 from there"
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        where = mount.point if mount is not None else path
        hint = f"If its disk had an error, see dmesg and mend that first; then: mount -o remount,rw {where}"
        return "its file system is mounted read-only", hint
    return None


def refuse_unfit(path: Path) -> None:
    """Raise SpoolError if no spool can lie there; a folder that is not there is told by whoever opens it."""
    try:
        found = objection(path)
    except OSError:
        return
    if found is not None:
        raise SpoolError("the spool cannot be used", on=str(path), why=found[0], hint=found[1])
