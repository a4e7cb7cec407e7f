"""A pure, strict model of EC2: what it promises, as late and as finite as it is.

No I/O, no clock of its own, one seed. ``call`` takes and returns what boto3 would; the other methods are the
hand of whoever runs the world: capacity, instances, volumes, images, quotas (``*_hand``). ``advance`` applies what
is due and says when the next thing is. PROMISES.md lists what the model promises, each promise with its test.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from local.ec2 import security_groups
from local.ec2.account_hand import AccountHand
from local.ec2.agenda import Agenda
from local.ec2.capacity import Capacity, Pool
from local.ec2.chance import Chance
from local.ec2.errors import Ec2Error
from local.ec2.image_rules import ImageRules
from local.ec2.instance_hand import InstanceHand
from local.ec2.operations import answer
from local.ec2.state import Answer, Call, State
from local.ec2.timing import HARSH, Timing
from local.ec2.world import COMPUTE_REGION, Subnet, default_cidrs


class Ec2(InstanceHand, AccountHand):
    """One account's EC2."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        seed: int = 0,
        account: str = "123456789012",
        on_event: Callable[[dict[str, Any]], None] | None = None,
        timing: Timing = HARSH,
        parameters: Callable[[str, str], str | None] = lambda _region, _name: None,
    ) -> None:
        """Build the world of *seed*: default VPC, a subnet in each zone, no image.

        *clock* returns aware datetimes. *on_event* gets every EventBridge event, in order of time.
        *parameters* reads an SSM parameter of data type aws:ec2:image: it gets a region and a name, with
        ``:version`` or ``:label`` behind it if one is asked for, and returns None if there is none.
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
            image_rules=ImageRules(parameters=parameters),
        )
        self._state.agenda.run(clock())
        security_groups.make_group(self._state, "default", "default VPC security group", vpc_id)

    def call(self, region: str, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """Answer one request in boto3's shape; the answer is to be read, not changed.

        Raises:
            Ec2Error: what EC2 would answer instead.
        """
        self.advance()
        return answer(Call(self._state, region, operation, parameters))

    def present(self) -> State:
        """Return what there is now, for ``as_of`` at a later moment."""
        self.advance()
        kept = {id(self._state.emit): self._state.emit, id(self._state.agenda): Agenda()}
        return copy.deepcopy(self._state, kept)

    @contextmanager
    def as_of(self, before: State) -> Iterator[None]:
        """Let reads see what there was *before*."""
        now, self._state = self._state, before
        try:
            yield
        finally:
            self._state = now

    def set_capacity(self, instance_type: str, zone: str, market: str, available: int | None) -> None:
        """Say how many more instances fit on-demand or spot; None restores what the seed gave."""
        if market not in ("on-demand", "spot"):
            raise ValueError(f"no market {market!r}")
        self._state.capacity.set(Pool(instance_type, zone, market), available)

    def capacity(self, instance_type: str, zone: str, market: str) -> int:
        """Return how many more instances fit now."""
        self.advance()
        return self._state.capacity.available(Pool(instance_type, zone, market))

    def create_security_group(
        self, region: str, name: str, description: str, vpc_id: str, tags: Mapping[str, str] | None = None
    ) -> str:
        """Create a security group and return its id; rules come by ``call``."""
        if region != COMPUTE_REGION:
            raise Ec2Error("UnsupportedOperation", f"There is no compute in {region}.")
        return security_groups.make_group(self._state, name, description, vpc_id, tags)

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
