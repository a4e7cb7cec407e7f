"""Instance types and on-demand prices, read once from the project's tables (``local/data``)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent.parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """What the model needs to know about one type; *row* is the table's whole row."""

    name: str
    architectures: tuple[str, ...]
    markets: tuple[str, ...]
    row: Mapping[str, str]


@cache
def instance_types() -> Mapping[str, InstanceType]:
    """Return every type by name, in order of name."""
    by_name = sorted(rows("instance-types.csv"), key=lambda row: row["type"])
    return {row["type"]: _instance_type(row) for row in by_name}


@cache
def on_demand_usd_per_hour() -> Mapping[str, float]:
    """Return the us-east-1 on-demand price by type; a type without one is not sold there."""
    return {row["type"]: float(row["usd_per_hour"]) for row in rows("on-demand-prices.csv")}


def _instance_type(row: Mapping[str, str]) -> InstanceType:
    return InstanceType(
        name=row["type"],
        architectures=tuple(row["arch"].split("+")),
        markets=tuple(row["usage_classes"].split("+")),
        row=row,
    )


def rows(name: str) -> Iterator[dict[str, str]]:
    """Return the rows of a table of ``local/data``."""
    with (DATA / name).open(newline="") as lines:
        yield from csv.DictReader(lines)
