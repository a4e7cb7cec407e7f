"""Layers: what Lambda gets and what this machine runs come from one lock."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.blocks import layers
from infra.blocks.layers import REPOSITORY, Target, build_layer, layer_hash

NAMES = ("vendor", "feed")
ELF = b"\x7fELF"
AARCH64 = 183
"""``e_machine`` of an aarch64 object. Source: ELF for the Arm 64-bit Architecture."""


def content(name: str, target: Target) -> Iterator[tuple[str, Path]]:
    root = build_layer(name, target) / "python"
    return ((str(path.relative_to(root)), path) for path in root.rglob("*") if path.is_file())


def is_extension(path: str) -> bool:
    return path.endswith(".so")


def names_its_platform(path: str) -> bool:
    """Whether a wheel's record of itself differs by platform: its own name, or what an extension was linked from."""
    return Path(path).name in {"RECORD", "WHEEL"} or ".dist-info/sboms/" in path


@pytest.mark.parametrize("name", NAMES)
def test_every_extension_in_lambdas_layer_is_aarch64_for_python_313(name: str) -> None:
    extensions = [path for relative, path in content(name, Target.LAMBDA) if is_extension(relative)]
    for path in extensions:
        header = path.read_bytes()[:20]
        assert header[:4] == ELF
        assert int.from_bytes(header[18:20], "little") == AARCH64
        assert ".cpython-313-" in path.name or ".abi3." in path.name
    assert extensions or name != "vendor", "msgspec has an extension: the glob must have missed it"


@pytest.mark.parametrize("name", NAMES)
def test_both_targets_hold_the_same_distributions_and_the_same_pure_files(name: str) -> None:
    def pure(target: Target) -> dict[str, bytes]:
        return {
            relative: path.read_bytes()
            for relative, path in content(name, target)
            if not is_extension(relative) and not names_its_platform(relative)
        }

    assert pure(Target.LAMBDA) == pure(Target.HOST)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", Target)
def test_a_layer_holds_no_bytecode_and_no_path_of_this_machine(name: str, target: Target) -> None:
    for relative, path in content(name, target):
        assert not relative.endswith(".pyc")
        assert not relative.startswith("bin/")
        assert str(REPOSITORY).encode() not in path.read_bytes()


def test_another_lock_or_target_is_another_layer() -> None:
    assert len({layer_hash(name, target) for name in NAMES for target in Target}) == 4


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "layers" / "broken" / "requirements.txt"
    lock.parent.mkdir(parents=True)
    lock.write_text("msgspec==0.22.0  # without a hash\n")
    monkeypatch.setattr(layers, "REPOSITORY", tmp_path)
    monkeypatch.setattr(layers, "LAYERS", tmp_path / "built")
    with pytest.raises(subprocess.CalledProcessError):
        build_layer("broken")
    assert list((tmp_path / "built").iterdir()) == []


def test_a_built_layer_is_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_layer("feed")
    monkeypatch.setattr(layers, "_install", None)
    assert build_layer("feed") == first
