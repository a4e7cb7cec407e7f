"""The Ignition config of a pool's machines: data disk, SSH keys, no self-update.

A pure function of the pool's document: two machines of one pool generation boot from the same bytes. Written in spec
3.3.0, which every supported Flatcar release reads. Source: coreos/ignition and flatcar.org documentation (2026).
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

from railyard.model.pools import Pool

DATA_DEVICE = "/dev/xvdf"
"""Block device mapping of the data disk; Flatcar's udev rules make the same name on Nitro machines."""

MAX_USER_DATA_BYTES = 16_384
"""Raw user data that EC2 accepts. Source: EC2 user guide."""


def user_data(pool: Pool) -> str:
    """Return base64 user data for *pool*; raises ValueError when it would be larger than EC2 accepts."""
    raw = json.dumps(ignition(pool), separators=(",", ":"), sort_keys=True).encode()
    if len(raw) > MAX_USER_DATA_BYTES:
        raise ValueError(
            f"user data of pool {pool.name} has {len(raw)} bytes, EC2 accepts {MAX_USER_DATA_BYTES}"
        )
    return base64.b64encode(raw).decode()


def ignition(pool: Pool) -> dict[str, Any]:
    """Return the Ignition document of *pool*."""
    config: dict[str, Any] = {
        "ignition": {"version": "3.3.0"},
        "storage": {
            "files": [_file("/etc/flatcar/update.conf", "SERVER=disabled\nREBOOT_STRATEGY=off\n")],
        },
    }
    if pool.disk.default_gib:
        config["storage"]["filesystems"] = [
            {"device": DATA_DEVICE, "format": pool.disk.filesystem, "label": "data", "path": pool.disk.mount}
        ]
        config["systemd"] = {"units": [_mount(pool.disk.mount, pool.disk.filesystem)]}
    if pool.ssh_keys:
        config["passwd"] = {"users": [{"name": "core", "sshAuthorizedKeys": list(pool.ssh_keys)}]}
    return config


def _file(path: str, text: str) -> dict[str, Any]:
    return {"path": path, "mode": 0o644, "overwrite": True, "contents": {"source": "data:," + quote(text)}}


def _mount(where: str, filesystem: str) -> dict[str, Any]:
    lines = ["[Unit]", "Before=local-fs.target", "[Mount]", f"What={DATA_DEVICE}", f"Where={where}"]
    lines += [f"Type={filesystem}", "Options=defaults,nofail", "[Install]", "WantedBy=local-fs.target", ""]
    return {"name": _unit_name(where), "enabled": True, "contents": "\n".join(lines)}


def _unit_name(path: str) -> str:
    """systemd-escape --path, for the characters that a mount may have."""
    words = [word for word in path.split("/") if word]
    return "-".join(word.replace("-", "\\x2d") for word in words) + ".mount"
