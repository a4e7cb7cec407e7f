"""The synthesised app: made once for each state of its sources, then read.

Synthesis runs Node, so it happens in a child process that ends with it; everything else here reads JSON.
The cache key covers every source of a template or an asset and the context.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent
CACHE = REPOSITORY / ".build"
SOURCES = ("app.py", "cdk.json", "railyard.toml", "infra", "functions", "layers", "requirements")


class SynthesisFailed(RuntimeError):
    """The app does not synthesise; the message is what the CDK said."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """One stack: its template, and where the files behind its asset keys lie."""

    stack_name: str
    template: dict[str, Any]
    assets: Mapping[str, Path]


def assembly(context: Mapping[str, object], cache: Path = CACHE) -> Assembly:
    """Return the assembly for *context*, synthesised if its sources have changed."""
    folder = cache / f"assembly-{_fingerprint(context)}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        _synthesise(cache, folder, context)
    return read(folder)


def read(folder: Path) -> Assembly:
    """Read the one stack of a cloud assembly."""
    artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    stacks = {name: a for name, a in artifacts.items() if a["type"] == "aws:cloudformation:stack"}
    if len(stacks) != 1:
        raise SynthesisFailed(f"expected one stack, found {sorted(stacks)}")
    ((name, stack),) = stacks.items()
    assets: dict[str, Path] = {}
    for manifest in folder.glob("*.assets.json"):
        for entry in json.loads(manifest.read_text())["files"].values():
            for destination in entry["destinations"].values():
                assets[destination["objectKey"]] = folder / entry["source"]["path"]
    template = json.loads((folder / stack["properties"]["templateFile"]).read_text())
    return Assembly(stack["properties"].get("stackName", name), template, assets)


def _synthesise(cache: Path, folder: Path, context: Mapping[str, object]) -> None:
    with tempfile.TemporaryDirectory(dir=cache, prefix="synth-") as scratch:
        out = Path(scratch) / "out"
        child = subprocess.run(
            [sys.executable, "-m", "local.assembly", json.dumps(context), str(out)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            start_new_session=True,  # Ctrl-C must not tear Node down halfway
        )
        if child.returncode:
            raise SynthesisFailed(child.stderr.strip() or child.stdout.strip())
        with suppress(OSError):  # another process may have put the same assembly there meanwhile
            out.rename(folder)
    for old in sorted(cache.glob("assembly-*"), key=lambda path: path.stat().st_mtime)[:-8]:
        shutil.rmtree(old, ignore_errors=True)


def _fingerprint(context: Mapping[str, object]) -> str:
    digest = hashlib.sha256(json.dumps(context, sort_keys=True).encode())
    for path in _files():
        digest.update(str(path.relative_to(REPOSITORY)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _files() -> Iterator[Path]:
    for name in SOURCES:
        root = REPOSITORY / name
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def main(context: str, outdir: str) -> None:
    """Synthesise; runs in the child process alone."""
    from infra.app import build

    build(json.loads(context), outdir).synth()


if __name__ == "__main__":
    main(*sys.argv[1:])
