"""A workbench: the functions in this process, their tables in moto, their machines in our EC2 model.

For what happens between the lines of one function: crashes, lost answers, races. ``tests/journeys`` runs the same
handlers as deployed, in processes of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from allocate_instances.ports import Ports
from allocate_instances.request import Pointer
from allocate_instances.run import Batch, Outcome
from allocate_instances.run import run as allocate
from allocate_instances.settings import Settings as AllocateSettings
from keep_leases.run import run as keep
from local.ec2.errors import Ec2Error
from local.ec2.model import Ec2
from local.ec2.timing import Timing
from railyard.aws.fleets import Fleets
from railyard.aws.instances import Ec2Instances
from railyard.aws.tables.items import decode, encode, tagged
from railyard.aws.tables.ledger import Ledger, Tables, quota_part
from railyard.model.catalogue import Catalogue
from railyard.model.messages import Message
from railyard.model.pools import COUNTERS, DEFINITION, Pool, Requester
from railyard.model.requests import Request
from reap_instances.run import Outcome as ReapOutcome
from reap_instances.run import Ports as ReapPorts
from reap_instances.run import run as reap
from reap_instances.settings import Settings as ReapSettings
from tests.builders import NOW, ZONES, a_catalogue, a_message, a_pool, counters
from track_instances.run import Ports as TrackPorts
from track_instances.run import run as track
from track_instances.settings import Settings as TrackSettings
from track_instances.signals import Signal

REGION = "us-east-1"
CI = Requester(name="ci", principals=("AROACI",), reply_queue_arn="arn:aws:sqs:us-east-1:123456789012:ci")


class ModelClient:
    """A boto3-shaped EC2 client over the pure model; *before* and *after* may break a call."""

    def __init__(self, model: Ec2) -> None:
        self._model = model
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(word.title() for word in name.split("_"))

        def call(**parameters: Any) -> Any:
            self.calls.append((operation, parameters))
            self.before(operation)
            try:
                answer = self._model.call(REGION, operation, parameters)
            except Ec2Error as error:
                response = {
                    "Error": {"Code": error.code, "Message": error.message},
                    "ResponseMetadata": {"HTTPStatusCode": error.status},
                }
                raise ClientError(response, operation) from error  # type: ignore[arg-type]
            self.after(operation)
            return answer

        return call


class Crash(BaseException):
    """The process ends here: no except clause of the product may catch it."""


def lost_answer(_: str) -> None:
    """Break a call after its effect: nobody hears the answer."""
    raise ReadTimeoutError(endpoint_url="http://ec2")


@dataclass
class Pointers:
    """Pointers that were sent, with their delays."""

    sent: list[tuple[dict[str, Any], int]] = field(default_factory=list)

    def send(self, pointers: Any, *, delay_seconds: int = 0) -> None:
        self.sent += [(dict(pointer), delay_seconds) for pointer in pointers]

    def take(self) -> list[dict[str, Any]]:
        taken, self.sent = [pointer for pointer, _ in self.sent], []
        return taken


@dataclass
class Supplies:
    """A catalogue, and images of every pool."""

    catalogue_: Catalogue | None
    images_: dict[str, str]

    def catalogue(self, now: datetime) -> Catalogue | None:
        return self.catalogue_

    def images(self, pools: Any, deployments: Any, now: datetime) -> dict[str, dict[str, str]]:
        return {pool.name: self.images_ for pool in pools}

    def forget_images(self) -> None:
        pass


class Bench:
    """Everything, and a clock that is turned by hand."""

    def __init__(self, pool: Pool, *, timing: Timing) -> None:
        self.now = NOW
        self.ec2 = Ec2(lambda: self.now, seed=1, timing=timing)
        self.client = ModelClient(self.ec2)
        self.dynamodb = boto3.client("dynamodb", region_name=REGION)
        self.ledger = Ledger(self.dynamodb, _tables(self.dynamodb))
        self.wake, self.signals = Pointers(), Pointers()
        self.time_left = timedelta(seconds=90)
        self.pool = self._placed(pool)
        self._put_pool()
        self.fleets = Fleets(self.client, "railyard")
        self.supplies = Supplies(a_catalogue(), self._images())
        self.allocate_settings = AllocateSettings(
            stack="railyard",
            requests_table="requests",
            launches_table="launches",
            instances_table="instances",
            pools_table="pools",
            requesters_table="requesters",
            wake_queue_url="",
            catalogue_bucket="",
        )
        self.track_settings = TrackSettings(
            requests_table="requests",
            instances_table="instances",
            pools_table="pools",
            wake_queue_url="",
            signals_queue_url="",
        )
        self.reap_settings = ReapSettings(
            stack="railyard",
            requests_table="requests",
            launches_table="launches",
            instances_table="instances",
            pools_table="pools",
            wake_queue_url="",
            signals_queue_url="",
        )

    # -- one invocation each -------------------------------------------------------------------------------

    def ask(self, *bodies: dict[str, Any] | str, sender: str = "AROACI:session") -> Outcome:
        """Deliver allocate messages in one batch; message ids are m-0, m-1, ..."""
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        messages = [a_message(text, f"m-{i}-{hash(text)}", sender) for i, text in enumerate(texts)]
        return self.allocate(Batch(messages=messages))

    def follow(self) -> Outcome:
        """Deliver the wake queue's pointers."""
        pointers = [
            (f"p-{i}", Pointer(launch_id=p.get("launch", ""), pool=p.get("pool", "")))
            for i, p in enumerate(self.wake.take())
        ]
        return self.allocate(Batch(pointers=pointers))

    def allocate(self, batch: Batch) -> Outcome:
        """Run allocate_instances once."""
        return allocate(batch, self.ports(), self.allocate_settings)

    def ports(self) -> Ports:
        """What allocate_instances touches."""
        return Ports(
            ledger=self.ledger,
            fleets=self.fleets,
            machines=Ec2Instances(self.client, "railyard"),
            waking=self.wake,
            supplies=self.supplies,
            requesters=lambda: (CI,),
            clock=lambda: self.now,
            time_left=lambda: self.time_left,
        )

    def lease(self, *bodies: dict[str, Any] | str, sender: str = "AROACI:session") -> Any:
        """Deliver messages of the lease queue in one batch."""
        texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
        messages = [
            Message(message_id=f"k-{i}-{hash(text)}", body=text, sender=sender, sent_at=self.now)
            for i, text in enumerate(texts)
        ]
        return keep(messages, self.ledger, self.wake, (CI,), self.now)

    def look(self, *signals: Signal) -> Any:
        """Run track_instances: with *signals*, or a pointer to every machine."""
        chosen = signals or tuple(Signal(instance_id=i) for i in self.instances())
        ports = TrackPorts(
            ledger=self.ledger, machines=Ec2Instances(self.client, ""), waking=self.wake, later=self.signals
        )
        return track(chosen, ports, self.track_settings, self.now)

    def reap(self) -> ReapOutcome:
        """Run reap_instances once."""
        machines = Ec2Instances(self.client, "railyard")
        ports = ReapPorts(ledger=self.ledger, machines=machines, wake=self.wake, signals=self.signals)
        return reap(ports, self.reap_settings, self.now)

    def idle_machine(self, **body: Any) -> str:
        """Have a machine started and given back; return its id."""
        self.ask(allocate_body("first", **body))
        self.look()
        self.lease({"version": 1, "action": "release", "request_id": "first", "epoch": 1})
        (instance_id,) = self.instances()
        return instance_id

    def meanwhile(self, reading: str, act: Callable[[], object]) -> None:
        """Have *act* happen between the next *reading* of the ledger and what is written because of it."""
        read = getattr(self.ledger, reading)

        def overtaken(*keys: Any) -> Any:
            delattr(self.ledger, reading)
            found = read(*keys)
            act()
            return found

        setattr(self.ledger, reading, overtaken)

    def pass_time(self, **span: float) -> None:
        """Turn the clock."""
        self.now += timedelta(**span)
        self.ec2.advance()

    # -- what is there -------------------------------------------------------------------------------------

    def request(self, request_id: str) -> Request:
        """Read a request."""
        return self.ledger.requests([request_id])[request_id]

    def requests(self) -> list[Request]:
        """Read every request, in no order."""
        items = self.dynamodb.scan(TableName="requests")["Items"]
        return [decode(Request, item) for item in items]

    def instances(self) -> dict[str, Any]:
        """Every instance that EC2 has, whatever its state, by id."""
        found = Ec2Instances(ModelClient(self.ec2), "railyard").owned()
        return {each.instance_id: each for each in found}

    def alive(self) -> list[str]:
        """Ids of the instances that EC2 has alive."""
        return [key for key, each in self.instances().items() if each.alive]

    def counters(self) -> Any:
        """What is left of the pool's limits."""
        return self.ledger.pools().counters[self.pool.name]

    def held(self, requester: str = "ci") -> int:
        """How many instances *requester* holds of the pool's."""
        key = {"pool": tagged(self.pool.name), "part": tagged(quota_part(requester))}
        item = self.dynamodb.get_item(TableName="pools", Key=key).get("Item", {"held": tagged(0)})
        return int(item["held"]["N"])

    def said(self) -> list[dict[str, Any]]:
        """Answers of every request, by its last write, in no order."""
        return [json.loads(body) for request in self.requests() for body in request.outbox]

    def put_pool(self, pool: Pool) -> None:
        """Replace the pool and its counters."""
        self.pool = pool
        self._put_pool()

    def _put_pool(self) -> None:
        key = {"pool": tagged(self.pool.name)}
        definition = encode(self.pool) | key | {"part": tagged(DEFINITION)}
        self.dynamodb.put_item(TableName="pools", Item=definition)
        left = encode(counters(self.pool)) | key | {"part": tagged(COUNTERS)}
        self.dynamodb.put_item(TableName="pools", Item=left)

    def _placed(self, pool: Pool) -> Pool:
        """*pool* with the model's own subnets and group."""
        from dataclasses import replace

        subnets = self.ec2.call(REGION, "DescribeSubnets", {})["Subnets"]
        by_zone = {each["AvailabilityZone"]: each["SubnetId"] for each in subnets}
        group = self.ec2.call(REGION, "DescribeSecurityGroups", {})["SecurityGroups"][0]["GroupId"]
        return replace(pool, subnets={zone: by_zone[zone] for zone in ZONES}, security_groups=(group,))

    def _images(self) -> dict[str, str]:
        made = {}
        for architecture, image_id in {"x86_64": "ami-00000001", "arm64": "ami-00000002"}.items():
            self.ec2.add_image(
                REGION,
                {
                    "ImageId": image_id,
                    "Architecture": architecture,
                    "OwnerId": "075585003325",
                    "Public": True,
                    "RootDeviceName": "/dev/xvda",
                    "RootDeviceType": "ebs",
                    "VirtualizationType": "hvm",
                    "Name": f"Flatcar-{architecture}",
                },
            )
            made[{"x86_64": "amd64"}.get(architecture, architecture)] = image_id
        return made


@contextmanager
def bench(pool: Pool | None = None, *, timing: Timing | None = None) -> Iterator[Bench]:
    """A fresh bench."""
    with mock_aws():
        yield Bench(pool or a_pool(), timing=timing or Timing())


def allocate_body(request_id: str = "ci-1", **changes: Any) -> dict[str, Any]:
    """An allocate message of requester ``ci``."""
    base: dict[str, Any] = {
        "version": 1,
        "action": "allocate",
        "request_id": request_id,
        "pool": "default",
        "requirements": {"vcpus": 2, "memory_mib": 4096},
        "market": "on-demand",
        "reply_to": "ci",
    }
    return base | changes


def _tables(dynamodb: Any) -> Tables:
    def table(
        name: str, key: str, sort: str = "", indexes: dict[str, tuple[str, str, str]] | None = None
    ) -> str:
        names = {key: "S"} | ({sort: "S"} if sort else {})
        for hash_key, range_key, kind in (indexes or {}).values():
            names |= {hash_key: "S", range_key: kind}
        schema = [{"AttributeName": key, "KeyType": "HASH"}]
        schema += [{"AttributeName": sort, "KeyType": "RANGE"}] if sort else []
        more: dict[str, Any] = {}
        if indexes:
            more["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index,
                    "KeySchema": [
                        {"AttributeName": hash_key, "KeyType": "HASH"},
                        {"AttributeName": range_key, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
                for index, (hash_key, range_key, _) in indexes.items()
            ]
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=schema,
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": k} for n, k in names.items()],
            **more,
        )
        return name

    return Tables(
        requests=table(
            "requests",
            "request_id",
            indexes={"waiting": ("waiting", "since", "S"), "lease": ("leased", "lease_until", "S")},
        ),
        launches=table("launches", "launch_id", indexes={"open": ("open", "opened_at", "S")}),
        instances=table(
            "instances",
            "instance_id",
            "part",
            indexes={"room": ("room", "free_vcpus", "N"), "alive": ("alive", "launched_at", "S")},
        ),
        pools=table("pools", "pool", "part"),
    )
