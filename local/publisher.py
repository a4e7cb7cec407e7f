"""Whoever signs this world's release feed: a key of this machine, made at the first start and kept in ``.build``.

It is kept because its public half is part of the synthesised stack: a new key at each start would be a new template.
"""

from __future__ import annotations

import os
import tempfile
from functools import cached_property
from pathlib import Path

from pysequoia import SignatureMode, Tsk, sign

from local.assembly import CACHE


class Publisher:
    """Signs as Flatcar does: detached, binary, by a subkey of the key whose fingerprint is pinned."""

    def __init__(self, folder: Path = CACHE) -> None:
        """Keep the key in *folder*."""
        self._folder = folder

    @cached_property
    def _key(self) -> Tsk:
        path = self._folder / "feed-signing-key"
        if not path.exists():
            _write_once(path, bytes(Tsk.generate("Feed of the embedded AWS <feed@example.com>")))
        return Tsk.from_bytes(path.read_bytes())

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the primary key."""
        return str(self._key.extract_certificate().fingerprint)

    @property
    def key_file(self) -> Path:
        """The public key as a file, what an operator would get from the publisher."""
        path = self._folder / f"feed-key-{self.fingerprint}.asc"
        if not path.exists():
            _write_once(path, str(self._key.extract_certificate()).encode())
        return path

    def sign(self, content: bytes) -> bytes:
        """Return what the ``.sig`` file of *content* holds."""
        return sign(self._key.signer(), content, mode=SignatureMode.DETACHED, armor=False)


def _write_once(path: Path, content: bytes) -> None:
    """Let *path* hold *content*, whole, unless another process was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent) as made:
        made.write(content)
        made.flush()
        try:
            os.link(made.name, path)
        except FileExistsError:
            return
