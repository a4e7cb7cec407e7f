"""How a world is started."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from local.assembly import REPOSITORY
from local.ec2 import HARSH, Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a world is started; ports are free ones for 0."""

    state: Path = REPOSITORY / ".local"
    clock: Literal["real", "virtual"] = "real"
    nodes: Literal["auto", "manual"] = "auto"
    aws_port: int = 0
    api_port: int = 0
    feed_url: str | None = None
    images: Path | None = None
    context: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    timing: Timing = HARSH
    iam: Literal["open", "strict"] = "open"
    empty: bool = False
