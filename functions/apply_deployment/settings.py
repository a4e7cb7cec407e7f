"""Knobs of apply_deployment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a deployment writes, and what it wakes afterwards."""

    pools_table: str
    requesters_table: str
    default_security_group: str
    node_profile_arn: str
    refresh_functions: tuple[str, ...] = ()
    image_ids_allowed: bool = False
    """Whether a pool may name images by id."""
