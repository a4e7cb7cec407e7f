"""The runtime's own packages in a folder of their own: awslambdaric and the three modules that it needs.

Links into this environment's site-packages. A worker appends the folder last, so that a handler sees none
of the development environment and yet finds no second copy of what its layers hold.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("awslambdaric", "simplejson", "snapshot_restore_py", "runtime_client")


def lay_out(folder: Path) -> Path:
    """Fill *folder* with links to the runtime's packages and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        found = find_spec(name)
        if found is None or found.origin is None:
            raise ModuleNotFoundError(f"{name} is not installed: run `make setup`", name=name)
        origin = Path(found.origin)
        source = origin.parent if found.submodule_search_locations else origin
        link = folder / source.name
        if link.is_symlink() and link.readlink() == source:
            continue
        link.unlink(missing_ok=True)
        link.symlink_to(source)
    return folder
