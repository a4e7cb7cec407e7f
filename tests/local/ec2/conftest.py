"""A world for each test."""

from __future__ import annotations

import pytest

from tests.local.ec2.builders import World


@pytest.fixture
def world() -> World:
    """Return a prompt world: what is asked for has happened by the next call."""
    return World()
