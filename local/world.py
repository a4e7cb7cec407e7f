"""The embedded AWS as one object: ``with World() as world`` starts everything and ends everything.

Start: endpoint -> synthesised app -> stack, through CloudFormation like any other deployment, which then
runs (``local.cloudformation``). On a virtual clock ``advance`` moves from one due moment to the next
(``local.stepping``).

moto keeps its state in the process, so one world runs at a time in each; worlds in several processes do not
meet as long as their state folders differ.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from local import account, aws, control, front, preflight, releases, shims
from local.assembly import Assembly, assembly
from local.calls import Call
from local.clock import Clock
from local.cloudformation import CloudFormation
from local.deployment import Answers, carry_out_custom_resources, create_stack
from local.endpoint import Endpoint, Stale
from local.faults import Faults
from local.feed import Feed
from local.functions import Functions, HandlerFailed, decoded
from local.identity import REGION, Principals
from local.listener import Listener
from local.machine import Volume
from local.nodes import Nodes
from local.options import Options
from local.running import RunningStack
from local.runtime_api import Failure
from local.runtime_folder import lay_out
from local.shims import dynamodb, security_group
from local.specs import FunctionSpec, Surroundings
from local.stepping import Stepper
from local.template import Stack
from local.workers import Worker

__all__ = ["HandlerFailed", "Options", "World"]


_ALONE = threading.Lock()


class World:
    """Everything that runs; attributes below are there once it has started."""

    clock: Clock
    ec2: account.SharedEc2
    feed: Feed
    nodes: Nodes
    principals: Principals
    aws_url: str
    front_url: str

    def __init__(self, options: Options | None = None, *, assembly: Assembly | None = None) -> None:
        """Prepare a world of *options*; tests may bring an *assembly* of their own."""
        self.options = options or Options()
        self.answers = Answers()
        self.feed = Feed()
        self.principals = Principals(self.options.iam)
        self.run = RunningStack()
        self._assembly = assembly
        self._running = ExitStack()
        self._clients: dict[tuple[str, str], Any] = {}

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Start everything; if that fails, end what has started."""
        if not _ALONE.acquire(blocking=False):
            raise RuntimeError("another world runs in this process, and moto has one state: stop it first")
        self._running.callback(_ALONE.release)
        try:
            self._start_account()
            if not self.options.empty:
                self._deploy()
            self._write_endpoints()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every process, thread and listener; a second call does nothing."""
        self._running.close()

    def _start_account(self) -> None:
        state = self.options.state
        for folder in ("logs", "home"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        for old in (state / "logs").glob("*.log"):
            old.unlink()
        self.clock = Clock(state / "clock", virtual=self.options.clock == "virtual")
        shims.install()
        aws.fresh_moto()
        shims.follow(lambda: self.clock.offset)
        self.ec2 = account.SharedEc2(self.clock.now, seed=self.options.seed, timing=self.options.timing)
        for region, image in releases.images(self.clock.now(), self.options.images):
            self.ec2.add_image(region, image)
        security_group.EC2[:] = [self.ec2]
        self._running.callback(security_group.EC2.clear)
        self.endpoint = Endpoint(
            functions=lambda: self.functions,
            principals=self.principals,
            now=self.clock.now,
            services={
                "ec2": account.ec2_service(self.ec2),
                "pricing": account.pricing_service,
                "cloudformation": CloudFormation(self).answer,
            },
            stale={
                "dynamodb": Stale(dynamodb.present, dynamodb.as_of),
                "ec2": Stale(self.ec2.present, self.ec2.as_of),
            },
            seed=self.options.seed,
        )
        self.aws_url = self._listen(self.endpoint.answer, self.options.aws_port)
        self.front_url = self._listen(partial(front.answer, self), self.options.api_port)
        self._runtime = lay_out(self.options.state / "runtime")
        self.client("sqs").create_queue(QueueName=aws.reply_queue_name(self.context["stage"]))
        self.nodes = Nodes(
            send=self._send_report,
            principals=self.principals,
            role=self._node_role,
            now=self.clock.now,
            volumes=self._volumes,
            has_agent=self._has_agent if self.options.nodes == "auto" else None,
            seed=self.options.seed,
        )
        self.ec2.listeners.append(self.nodes.hear)
        self._running.callback(self.run_nothing)
        self._stepper = Stepper(self)
        self._running.callback(self._stepper.close)

    def _listen(self, answer: Any, port: int) -> str:
        listener = Listener(answer, port)
        self._running.callback(listener.close)
        return listener.url

    def _deploy(self) -> None:
        self._assembly = self._assembly or assembly(self.context)
        preflight.check(self._assembly.template)
        create_stack(
            self.client("cloudformation"), self.client("ssm"), self._assembly, {"FeedUrl": self.feed_url}
        )

    @cached_property
    def context(self) -> dict[str, Any]:
        """The synthesis context of a stack for this world."""
        stage = str(self.options.context.get("stage", "railyard"))
        given = {"stage": stage, "requesters": aws.requester_context(stage)} | self.options.context
        return given | {"images": self._images | self.options.context.get("images", {})}

    @property
    def _images(self) -> dict[str, str]:
        """Have the signatures of this world's feed checked, and no mirror asked; another feed is the operator's."""
        if self.options.feed_url:
            return {}
        publisher = self.feed.publisher
        key = {"signing_key": str(publisher.key_file), "fingerprint": publisher.fingerprint}
        return {"mirror_url": "", **key}

    @property
    def feed_url(self) -> str:
        """Where a stack of this world finds releases."""
        return self.options.feed_url or f"{self.front_url}/feed/{{channel}}/{{board}}/current"

    @property
    def assets(self) -> Mapping[str, Path]:
        """The folders of asset keys that were never uploaded."""
        return self._assembly.assets if self._assembly else {}

    def run_stack(self, assembly: Assembly) -> None:
        """Run the stack that CloudFormation now has, in the place of what ran before.

        What the deployment wakes is part of it: whoever is told of its end finds images. Raises
        DeploymentFailed.
        """
        self.run.close()
        self.run = RunningStack(Stack(assembly), self._worker)
        self.run.wake(self.clock.now(), virtual=self.clock.virtual)
        self.carry_out_custom_resources()
        self.drain()

    def run_nothing(self) -> None:
        """End whatever runs."""
        self.run.close()
        self.run = RunningStack()

    def carry_out_custom_resources(self) -> None:
        """Perform what the stack's custom resources ask for; raises DeploymentFailed."""
        carry_out_custom_resources(self.functions, self.answers, self.front_url)

    def _worker(self, stack: Stack, spec: FunctionSpec) -> Worker:
        role = stack.resource(spec.role)
        key = self.principals.role(role.id, role.name, spec.name, function=spec.name)
        around = Surroundings(
            state=self.options.state, runtime=self._runtime, clock=self.clock.path, endpoint=self.aws_url
        )
        return Worker(spec, key, around)

    def _has_agent(self, instance_id: str) -> bool:
        """Whether the pool of a machine has the agent: what its image would have been told at boot."""
        pool, table = self.ec2.tags(instance_id).get("railyard:pool"), self.outputs.get("PoolsTable")
        if not pool or not table:
            return False
        key = {"pool": {"S": pool}, "part": {"S": "definition"}}
        item = self.client("dynamodb").get_item(TableName=table, Key=key).get("Item", {})
        return bool(item.get("agent", {}).get("BOOL"))

    def _node_role(self) -> tuple[str, str]:
        for logical_id, _ in self.stack.raw("AWS::IAM::InstanceProfile"):
            role = self.stack.resource(logical_id).roles[0]
            return role.id, role.name
        return "AROALOCALNODE", "node"

    def _volumes(self, instance_id: str) -> list[Volume]:
        """Return what is attached to a machine, the root first."""
        return [Volume(v.volume_id, v.shape.size_gib) for v in self.ec2.volumes_of(instance_id)]

    def _send_report(self, body: str, key: str) -> None:
        sqs = aws.aws_client(self.aws_url, "sqs", key=key)
        sqs.send_message(QueueUrl=self.outputs["ReportQueueUrl"], MessageBody=body)

    def _write_endpoints(self) -> None:
        path = self.options.state / "endpoints.json"
        path.write_text(json.dumps(self.endpoints, indent=2) + "\n")
        self._running.callback(path.unlink, missing_ok=True)

    @property
    def stack(self) -> Stack:
        """The stack that runs; raises LookupError if there is none."""
        if self.run.stack is None:
            raise LookupError("no stack is deployed")
        return self.run.stack

    @property
    def functions(self) -> Functions:
        """The functions that run."""
        return self.run.functions

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs, none before it is deployed."""
        return self.run.stack.outputs if self.run.stack else {}

    @property
    def api_url(self) -> str:
        """Where the stack's API is served, stage included."""
        return f"{self.front_url}/{front.STAGE}"

    @property
    def endpoints(self) -> dict[str, Any]:
        """What ``.local/endpoints.json`` holds."""
        return {
            "aws": self.aws_url,
            "api": self.api_url,
            "control": f"{self.front_url}/_local",
            "region": REGION,
            "outputs": self.outputs,
            "pid": os.getpid(),
        }

    def client(self, service: str, region: str = REGION) -> Any:
        """Return a boto3 client of this machine's user, made once."""
        if (service, region) not in self._clients:
            self._clients[service, region] = aws.aws_client(self.aws_url, service, region)
        return self._clients[service, region]

    def invoke(self, function: str, event: Any = None) -> Any:
        """Run a function (its name may lack the stage's prefix); raises HandlerFailed with its error."""
        result = self.functions.invoke(self.functions.resolve(function), json.dumps(event or {}).encode())
        if isinstance(result, Failure):
            raise HandlerFailed(function, result)
        return decoded(result)

    def advance(self, seconds: float) -> None:
        """Move a virtual clock; fires what is due on the way, in order, each drained before the next."""
        self._stepper.advance(seconds)

    def drain(self, patience_seconds: float = 60) -> None:
        """Wait until no message is visible, no record unread and no handler running; raises NotDrained."""
        self._stepper.drain(patience_seconds)

    def calls(self, since: int = 0) -> list[Call]:
        """Return what handlers asked of AWS after call number *since*."""
        return self.endpoint.calls.since(since)

    @property
    def faults(self) -> Faults:
        """The faults that handlers will meet."""
        return self.endpoint.faults

    def log(self, function: str, lines: int = 100) -> str:
        """Return the last *lines* of what a function wrote."""
        path = self.options.state / "logs" / f"{self.functions.resolve(function)}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""

    def status(self) -> dict[str, Any]:
        """Return endpoints, clock, functions, schedules, queue depths and planned faults."""
        return control.status(self)
