"""``python -m local up`` keeps the embedded AWS running; ``python -m local demo`` tells a day and ends."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from local.assembly import REPOSITORY, SynthesisFailed
from local.deployment import DeploymentFailed
from local.preflight import Unsupported
from local.world import Options, World

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Railyard on this machine, without an account."
)
State = Annotated[Path, typer.Option("--state", help="where logs, endpoints.json and the cache are")]


class ClockKind(StrEnum):
    """Whose time the world follows."""

    REAL = "real"
    VIRTUAL = "virtual"


class IamKind(StrEnum):
    """What the API makes of a key that IAM does not know."""

    OPEN = "open"
    STRICT = "strict"


class NodeKind(StrEnum):
    """Whether machines with the agent report by themselves."""

    AUTO = "auto"
    MANUAL = "manual"


@app.command()
def up(
    aws_port: Annotated[int, typer.Option(help="port of the AWS endpoint; 0 takes a free one")] = 0,
    api_port: Annotated[int, typer.Option(help="port of the API and /_local")] = 0,
    feed_url: Annotated[
        str | None, typer.Option(help="another release feed; {channel} and {board} are filled in")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="more EC2 images: JSON, by region a list of images")
    ] = None,
    clock: Annotated[ClockKind, typer.Option(help="virtual: moved by POST /_local/clock")] = ClockKind.REAL,
    nodes: Annotated[NodeKind, typer.Option(help="manual: machines report only when told")] = NodeKind.AUTO,
    iam: Annotated[
        IamKind, typer.Option(help="strict: the API refuses keys that IAM does not know")
    ] = IamKind.OPEN,
    empty: Annotated[bool, typer.Option(help="deploy nothing: cdk deploy --method=direct will")] = False,
    state: State = REPOSITORY / ".local",
) -> None:
    """Start the embedded AWS and keep it until Ctrl-C."""
    unwind_when_told()
    options = Options(
        state=state.resolve(),
        clock=clock.value,
        nodes=nodes.value,
        aws_port=aws_port,
        api_port=api_port,
        feed_url=feed_url,
        images=images,
        iam=iam.value,
        empty=empty,
    )
    try:
        with World(options) as world:
            _tell(world)
            threading.Event().wait()
    except (DeploymentFailed, SynthesisFailed, Unsupported) as refused:
        print(f"the embedded AWS did not start: {refused}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command()
def demo() -> None:
    """Tell a day of Railyard in about a minute, leave nothing running."""
    from local.demo import main

    unwind_when_told()
    main()


@app.command()
def deploy(state: State = REPOSITORY / ".local" / "deploy") -> None:
    """Deploy, change and destroy the app with the real cdk command, on an empty embedded AWS."""
    from local import cdk

    unwind_when_told()
    try:
        cdk.main(Options(state=state.resolve(), clock="virtual", empty=True))
    except cdk.CommandFailed as failed:
        print(failed, file=sys.stderr)
        raise typer.Exit(1) from None


def _tell(world: World) -> None:
    print(f"aws      {world.aws_url}   (AWS_ENDPOINT_URL, credentials test / test, us-east-1)")
    print(f"api      {world.api_url}")
    print(f"control  {world.front_url}/_local/status")
    for name, value in sorted(world.outputs.items()):
        print(f"{name:16} {value}")
    print(f"state    {world.options.state}\nCtrl-C stops it", flush=True)


def unwind_when_told() -> None:
    """Let SIGINT and SIGTERM end the run in order, also in the middle of a start."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for ending in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ending, signal.SIG_IGN)  # a second signal must not break the ending off
        raise SystemExit(0)

    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, stop)


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # moto explains itself in warnings; what matters here is raised
    app()
