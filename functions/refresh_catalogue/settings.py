"""Knobs of refresh_catalogue."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the catalogue object lies."""

    catalogue_bucket: str
    catalogue_key: str = "catalogue.json"
