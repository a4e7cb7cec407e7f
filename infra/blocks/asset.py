"""A folder of this repository as a code asset, under its own name, without its neighbours; files may lie beside it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_

from infra.blocks.layers import REPOSITORY

STAGED = REPOSITORY / ".build" / "assets"


def only(child: Path) -> lambda_.Code:
    """Pack *child* under its name; bytecode stays out: it is another Python's and would change the hash."""
    exclude = ["/*", f"!/{child.name}", "__pycache__"]
    return lambda_.Code.from_asset(str(child.parent), exclude=exclude, ignore_mode=IgnoreMode.GIT)


def with_files(child: Path, files: Mapping[str, Path]) -> lambda_.Code:
    """Pack *child* under its name and *files* beside it, under theirs; the hash is that of all their bytes."""
    own = sorted(p for p in child.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    sources = {f"{child.name}/{path.relative_to(child)}": path for path in own} | dict(sorted(files.items()))
    digest = hashlib.sha256()
    for name, path in sources.items():
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    folder = STAGED / f"{child.name}-{digest.hexdigest()[:16]}"
    if not folder.is_dir():
        _stage(sources, folder)
    return lambda_.Code.from_asset(str(folder))


def _stage(sources: Mapping[str, Path], folder: Path) -> None:
    """Copy *sources* into *folder*, which appears whole: another process may be making it too."""
    STAGED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=STAGED, prefix=".") as scratch:
        made = Path(scratch) / "asset"
        for name, path in sources.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, made / name)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
