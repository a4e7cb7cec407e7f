"""Write the JSON Schemas of what crosses a wire, from the structs that read it: ``make schemas``."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from railyard.wire.pools import PoolDocument, RequesterDocument
from railyard.wire.requests import Allocate, Cancel, Release, Renew

HERE = Path(__file__).parent
KINDS = {
    "allocate": Allocate,
    "renew": Renew,
    "release": Release,
    "cancel": Cancel,
    "pool": PoolDocument,
    "requester": RequesterDocument,
}


def schemas() -> dict[str, str]:
    """Return each schema's text by its file name."""
    return {
        f"{name}.json": json.dumps(msgspec.json.schema(kind), indent=2, sort_keys=True) + "\n"
        for name, kind in KINDS.items()
    }


if __name__ == "__main__":
    for name, text in schemas().items():
        (HERE / name).write_text(text)
