"""Which file systems no spool may lie on, by the kernel's list of mounts; and a full and a read-only one for real."""

import os
import subprocess
from pathlib import Path

import pytest
from unit.config_world import write

from ari_app import config, mounts, service
from ari_app.adapters import spool
from ari_app.commands import check_storage
from ari_app.errors import FINDING, SpoolError
from ari_app.layout import Layout
from ari_app.mounts import Mount, mount_of

TABLE = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
25 22 0:5 / /proc rw - proc proc rw
31 22 0:40 / /var/spool rw,relatime shared:9 master:2 - nfs4 store:/spool rw,vers=4.2
32 31 8:2 / /var/spool/consentgate rw - xfs /dev/sdb1 rw
40 22 0:41 / /mnt/two\040words rw - cifs //store/x rw
41 22 0:42 / /srv rw - ext4 /dev/sdc1 rw
42 22 0:43 / /srv rw - fuse.sshfs me@store: rw
damaged
43 22 0:44
"""


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/home", Mount("/", "ext4")),
        ("/", Mount("/", "ext4")),
        ("/var/spool/consentgate", Mount("/var/spool/consentgate", "xfs")),
        ("/var/spool/consentgate/audio", Mount("/var/spool/consentgate", "xfs")),
        ("/var/spool/consentgate2", Mount("/var/spool", "nfs4")),
        ("/var/spoolx", Mount("/", "ext4")),
        ("/mnt/two words/spool", Mount("/mnt/two words", "cifs")),
        ("/srv/spool", Mount("/srv", "fuse.sshfs")),
    ],
)
def test_on_which_mount_a_path_lies(path, mount):
    assert mount_of(path, TABLE) == mount


@pytest.mark.parametrize("text", ["", "nonsense", "1 2 3 4 /x rw", "1 2 3 4 /x rw - "])
def test_what_is_no_list_of_mounts_says_nothing(text):
    assert mount_of("/x", text) is None


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Let the kernel say that the temporary folder is a mount of some kind."""

    def say(kind):
        table = tmp_path / "mountinfo"
        table.write_text(f"1 0 8:1 / {tmp_path} rw - {kind} somewhere rw\n")
        monkeypatch.setattr(mounts, "MOUNTS", table)
        (tmp_path / "spool").mkdir(exist_ok=True, mode=0o750)
        return tmp_path / "spool"

    return say


def refusals(folder: Path, root: Path) -> list[str]:
    """Return what gate, ship, guard and `check` say of a spool; each its own words, or nothing."""
    file = write(root, ("spool.path", str(folder)), ("spool.stop_below_free", "0B"))
    said = []
    for start in (lambda: service.prepare(file), lambda: spool.lock(Layout(folder), "ship").__enter__()):
        with pytest.raises(SpoolError) as caught:
            start()
        said.append(str(caught.value))
    (found,) = check_storage.spool(config.load(file, {}))
    assert found.code == FINDING
    return [*said, f"{found.verdict}. {found.hint}"]


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "fuse.sshfs", "9p", "ceph"])
def test_a_network_file_system_is_refused_at_the_start_and_by_check(tmp_path, told, kind):
    spool_folder = told(kind)
    for said in refusals(spool_folder, tmp_path):
        assert f"{tmp_path} is a network file system ({kind})" in said
        assert "on a disk of this machine" in said
    assert list(spool_folder.iterdir()) == [], "something was written there before it was refused"


def test_a_link_does_not_hide_it(tmp_path, told):
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(told("nfs"))
    with pytest.raises(SpoolError, match="network file system"):
        mounts.refuse_unfit(link)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "overlay", "fuseblk", "something-new"])
def test_every_other_is_taken_for_a_disk(told, kind):
    mounts.refuse_unfit(told(kind))


def test_where_nobody_knows_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "MOUNTS", tmp_path / "nowhere")
    mounts.refuse_unfit(tmp_path)
    mounts.refuse_unfit(tmp_path / "not-there")


def test_a_read_only_one_is_refused_at_the_start_and_by_check(tmp_path, disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for said in refusals(disk, tmp_path):
        assert "mounted read-only" in said
        assert f"mount -o remount,rw {disk}" in said


def test_one_that_cannot_be_written_for_want_of_room_is_told_by_check(tmp_path, disk):
    with (disk / "filled").open("wb") as file:
        file.write(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
    loaded = config.load(write(tmp_path, ("spool.path", str(disk)), ("spool.stop_below_free", "10%")), {})
    (found,) = check_storage.spool(loaded)
    assert found.verdict == "has 0 B free, less than 102.4 KiB: nothing is recorded"
