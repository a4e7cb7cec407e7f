"""Third-party wheels as a Lambda layer: one hash lock, built for Lambda or for this machine, without Docker.

Wheels only: nothing is compiled, so a layer for another architecture can be made anywhere. The folder's name
holds a hash of the lock, the target and this file; a finished folder is never touched again, and CDK uses the
same hash, so an unchanged lock is an unchanged layer. uv writes no bytecode: another Python's is dead weight.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from enum import Enum
from pathlib import Path

from uv import find_uv_bin

REPOSITORY = Path(__file__).parent.parent.parent
LAYERS = REPOSITORY / ".build" / "layers"


class Target(Enum):
    """Where a layer is imported, as the options of uv that say so."""

    LAMBDA = ("--python-version=3.13", "--python-platform=aarch64-manylinux_2_28")
    """Source: Lambda's python3.13 runs on Amazon Linux 2023, glibc 2.34 (developer guide, January 2026)."""

    HOST = (f"--python-version={sys.version_info[0]}.{sys.version_info[1]}",)


def layer_hash(name: str, target: Target) -> str:
    """Hash of everything that decides a layer's content."""
    host = sysconfig.get_platform() if target is Target.HOST else ""
    lock = (REPOSITORY / "layers" / name / "requirements.txt").read_bytes()
    builder = Path(__file__).read_bytes()
    return hashlib.sha256(" ".join((*target.value, host)).encode() + lock + builder).hexdigest()[:16]


def build_layer(name: str, target: Target = Target.LAMBDA) -> Path:
    """Return the folder of layer *name* (it holds ``python/``, as ``/opt`` does), built if it is not there.

    Raises CalledProcessError when uv cannot install the lock; nothing half built stays behind.
    """
    folder = LAYERS / f"{name}-{layer_hash(name, target)}"
    if folder.is_dir():
        return folder
    LAYERS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LAYERS, prefix=f".{name}-") as scratch:
        built = Path(scratch) / "layer"
        _install(REPOSITORY / "layers" / name / "requirements.txt", target, built / "python")
        try:
            built.rename(folder)
        except OSError:  # another process was faster: its folder has the same content
            if not folder.is_dir():
                raise
    return folder


def main() -> None:
    """Build every layer for both targets, so that later runs need no network."""
    for lock in sorted((REPOSITORY / "layers").glob("*/requirements.txt")):
        for target in Target:
            print(build_layer(lock.parent.name, target))


def _install(lock: Path, target: Target, into: Path) -> None:
    interpreter = (f"--python={sys.executable}",) if target is Target.HOST else ()
    options = ("--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:", "--link-mode=copy")
    subprocess.run(
        [
            find_uv_bin(),
            "pip",
            "install",
            *options,
            *target.value,
            *interpreter,
            f"--target={into}",
            "-r",
            lock,
        ],
        check=True,
    )
    # Console scripts name this machine's interpreter, the lock file is uv's own: neither is part of a layer.
    shutil.rmtree(into / "bin", ignore_errors=True)
    (into / ".lock").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
