"""A world for each test, and each test asked every way that it can be: see ``ways``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from local.ec2 import Ec2
from tests.local.ec2 import builders
from tests.local.ec2.builders import World
from tests.local.ec2.promises import by_test
from tests.local.ec2.serving import Served, serving
from tests.local.ec2.ways import Boto3


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask a test the ways that its ``ways`` marker names, and moto where the world's hand is not needed."""
    marker = metafunc.definition.get_closest_marker("ways")
    ways: list[Any] = list(marker.args if marker else ("direct", "wire"))
    promise = by_test().get(metafunc.definition.originalname)
    if marker is None and promise is not None and promise.moto != "-":
        one_case = not metafunc.definition.get_closest_marker("parametrize")
        differs = pytest.mark.xfail(strict=one_case, reason=f"moto differs from EC2 in {promise.id}")
        ways.append(pytest.param("moto", marks=differs if promise.moto == "differs" else ()))
    metafunc.parametrize("way", ways, indirect=True)


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """Listen on a port for the models of all tests."""
    with serving() as served:
        yield served


@pytest.fixture(autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Let every World of this test be asked the way that the parameter says."""
    name: str = request.param
    with ExitStack() as stack:
        if name == "wire":
            served: Served = request.getfixturevalue("served")
            monkeypatch.setattr(builders, "ASK", lambda model: _through(served, model))
        elif name == "moto":
            stack.enter_context(_plain_moto(monkeypatch))
            monkeypatch.setattr(builders, "ASK", None)
        yield name


def _through(served: Served, model: Ec2) -> Boto3:
    return Boto3(lambda region: served.client(model, region=region))


def _plain_moto(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return moto at its strictest: it validates images and types only if it is told to."""
    import moto
    from moto import settings

    monkeypatch.setattr(settings, "ENABLE_AMI_VALIDATION", True)
    monkeypatch.setattr(settings, "EC2_ENABLE_INSTANCE_TYPE_VALIDATION", True)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    return moto.mock_aws()


@pytest.fixture
def world() -> World:
    """Return a prompt world: what is asked for has happened by the next call."""
    return World()
