"""A folder of this repository as a code asset, under its own name and without its neighbours."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_


def only(child: Path) -> lambda_.Code:
    """Pack *child* under its name; bytecode stays out: it is another Python's and would change the hash."""
    exclude = ["/*", f"!/{child.name}", "__pycache__"]
    return lambda_.Code.from_asset(str(child.parent), exclude=exclude, ignore_mode=IgnoreMode.GIT)
