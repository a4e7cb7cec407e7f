"""A pure, strict model of EC2: what it promises, as late and as finite as it is.

No I/O, no clock of its own, one seed. ``call`` takes and returns what boto3 would; the other methods are the
hand of whoever runs the world: images, capacity, interruptions. ``advance`` applies what is due and says
when the next thing is. PROMISES.md lists what the model promises, each promise with its test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from local.ec2 import life, security_groups
from local.ec2.capacity import Capacity, Pool
from local.ec2.chance import Chance
from local.ec2.errors import Ec2Error
from local.ec2.instance import Instance
from local.ec2.operations import answer
from local.ec2.state import Answer, Call, State
from local.ec2.timing import HARSH, Timing
from local.ec2.world import COMPUTE_REGION, Subnet, default_cidrs


class Ec2:
    """One account's EC2."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        seed: int = 0,
        account: str = "123456789012",
        on_event: Callable[[dict[str, Any]], None] | None = None,
        timing: Timing = HARSH,
    ) -> None:
        """Build the world of *seed*: default VPC, a subnet in each zone, no image.

        *clock* returns aware datetimes. *on_event* gets every EventBridge event, in order of time.
        """
        self._clock = clock
        chance = Chance(seed)
        vpc_id = chance.id("vpc")
        subnets = [Subnet(chance.id("subnet"), vpc_id, zone, cidr) for zone, cidr in default_cidrs().items()]
        self._state = State(
            account=account,
            timing=timing,
            chance=chance,
            capacity=Capacity(chance),
            emit=on_event or (lambda _: None),
            vpc_id=vpc_id,
            subnets={subnet.subnet_id: subnet for subnet in subnets},
        )
        security_groups.make_group(
            self._state, name="default", description="default VPC security group", vpc_id=vpc_id
        )

    def call(self, region: str, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """Answer one request in boto3's shape; the answer is to be read, not changed.

        Raises:
            Ec2Error: what EC2 would answer instead.
        """
        self.advance()
        return answer(Call(self._state, region, operation, parameters, self._clock()))

    def advance(self) -> datetime | None:
        """Apply every effect due by now, with its events; return when the next one is due."""
        self._state.agenda.run(self._clock())
        return self._state.agenda.next_due()

    def add_image(self, region: str, image: Mapping[str, Any]) -> None:
        """Add an image in boto3's shape, or replace it; a State other than "available" bars its launch."""
        self._state.images.setdefault(region, {})[image["ImageId"]] = {"State": "available", **image}

    def remove_image(self, region: str, image_id: str) -> None:
        """Take an image away, as its publisher may at any time."""
        self._state.images.get(region, {}).pop(image_id, None)

    def set_capacity(self, instance_type: str, zone: str, market: str, available: int | None) -> None:
        """Say how many more instances fit on-demand or spot; None restores what the seed gave."""
        if market not in ("on-demand", "spot"):
            raise ValueError(f"no market {market!r}")
        self._state.capacity.set(Pool(instance_type, zone, market), available)

    def capacity(self, instance_type: str, zone: str, market: str) -> int:
        """Return how many more instances fit now."""
        self.advance()
        return self._state.capacity.available(Pool(instance_type, zone, market))

    def interrupt(self, instance_id: str, notice: timedelta = timedelta(minutes=2)) -> None:
        """Warn a spot instance now and terminate it when the notice has run out."""
        if self.instance(instance_id).pool.market != "spot":
            raise ValueError(f"{instance_id} is no spot instance")
        life.warn_of_interruption(self._state, instance_id, self._clock(), notice)

    def recommend_rebalance(self, instance_id: str) -> None:
        """Send a rebalance recommendation for a spot instance."""
        self.instance(instance_id)
        life.recommend_rebalance(self._state, instance_id, self._clock())

    def die(self, instance_id: str) -> None:
        """Let an instance end by itself, with a Server.* reason."""
        self.instance(instance_id)
        life.end(self._state, instance_id, self._clock(), life.BY_FAILURE)

    def create_security_group(
        self, region: str, name: str, description: str, vpc_id: str, tags: Mapping[str, str] | None = None
    ) -> str:
        """Create a security group and return its id; rules come by ``call``."""
        if region != COMPUTE_REGION:
            raise Ec2Error("UnsupportedOperation", f"There is no compute in {region}.")
        return security_groups.make_group(
            self._state, name=name, description=description, vpc_id=vpc_id, tags=tags
        )

    def instance(self, instance_id: str) -> Instance:
        """Return the truth about an instance, visible or not; KeyError if there is none."""
        self.advance()
        return self._state.instances[instance_id]

    def instances(self) -> tuple[Instance, ...]:
        """Return the truth about all instances, oldest first."""
        self.advance()
        return tuple(self._state.instances.values())

    def tags(self, resource_id: str) -> Mapping[str, str]:
        """Return the true tags of a resource."""
        return dict(self._state.tags.of(resource_id))

    @property
    def vpc_id(self) -> str:
        """The default VPC."""
        return self._state.vpc_id

    @property
    def subnet_ids(self) -> Mapping[str, str]:
        """The default subnet of each zone."""
        return {subnet.zone: subnet_id for subnet_id, subnet in self._state.subnets.items()}
