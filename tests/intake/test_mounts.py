"""Network mounts are told from local disks by the mount table alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from watcher.intake.mounts import is_network, parse_table, read_table, wants_events

TABLE = parse_table(
    b"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
    b"27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    b"30 27 0:30 / /srv/drop/cifs rw shared:2 master:1 - cifs //pacs/out rw,vers=3\n"
    b"31 27 0:31 / /srv/drop/a\\040b\\011\\134c rw - nfs4 pacs:/out rw\n"
    b"32 27 0:32 / /srv/drop/ssh rw - fuse.sshfs pacs: rw\n"
    b"33 27 8:17 / /srv/drop/usb rw - fuseblk /dev/sdb1 rw\n"
    b"34 30 8:33 / /srv/drop/cifs/local rw - xfs /dev/sdc1 rw\n"
    b"35 27 0:35 / /srv/drop/over rw - ext4 /dev/sdd1 rw\n"
    b"36 27 0:36 / /srv/drop/over rw - nfs pacs:/out rw\n"
)


@pytest.mark.parametrize(
    ("folder", "network"),
    [
        ("/", False),
        ("/srv/drop", False),
        ("/srv/drop/cifs", True),
        ("/srv/drop/cifs/deep/er", True),
        ("/srv/drop/cifs2", False),
        ("/srv/drop/cifs/local/x", False),
        ("/srv/drop/a b\t\\c", True),
        ("/srv/drop/ssh", True),
        ("/srv/drop/usb", False),
        ("/srv/drop/over/x", True),
    ],
)
def test_the_longest_and_latest_mount_point_decides(folder: str, network: bool) -> None:
    """Escapes of proc(5) included; a mount over a mount hides the one below."""
    assert is_network(folder, TABLE) is network


def test_this_machines_own_table_is_read(tmp_path: Path) -> None:
    """The folder of a test is on no network here, and a setting forces either way."""
    assert any(point == "/" for point, _ in read_table())
    assert wants_events(tmp_path, "events")
    assert not wants_events(tmp_path, "scan")
