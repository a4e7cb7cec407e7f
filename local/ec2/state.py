"""The account that every operation reads and changes, and the call that it is part of.

An operation is a function from a Call to EC2's answer in boto3's shape. It raises Ec2Error, and changes
nothing when it does unless EC2 would.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, TypeVar

from local.ec2.agenda import Agenda
from local.ec2.capacity import Capacity
from local.ec2.chance import Chance
from local.ec2.errors import Ec2Error, missing
from local.ec2.image_rules import ImageRules
from local.ec2.instance import Instance
from local.ec2.lateness import Late
from local.ec2.paging import fingerprint
from local.ec2.quotas import COUNTED, Quotas
from local.ec2.stillbirth import Stillbirths
from local.ec2.tags import Tags, tag_list, tag_specifications
from local.ec2.throttling import Throttle
from local.ec2.timing import Seconds, Timing
from local.ec2.volume import Snapshot
from local.ec2.volume_store import EbsRules, Volumes
from local.ec2.world import PUBLIC_CIDR, Subnet

Answer = dict[str, Any]
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class State:
    """Everything in the account."""

    account: str
    timing: Timing
    chance: Chance
    capacity: Capacity
    emit: Callable[[dict[str, Any]], None]
    vpc_id: str
    subnets: dict[str, Subnet]
    agenda: Agenda = field(default_factory=Agenda)
    tags: Tags = field(default_factory=Tags)
    images: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    templates: dict[str, dict[str, Any]] = field(default_factory=dict)
    fleets: dict[str, dict[str, Any]] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    by_state: dict[str, dict[str, None]] = field(default_factory=dict)
    volumes: Volumes = field(default_factory=Volumes)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    ebs: EbsRules = field(default_factory=EbsRules)
    answered: dict[tuple[str, str, str, str], tuple[str, Answer]] = field(default_factory=dict)
    sequence: count[int] = field(default_factory=count)
    public_addresses: count[int] = field(default_factory=count)
    stillbirths: Stillbirths = field(default_factory=Stillbirths)
    image_rules: ImageRules = field(default_factory=ImageRules)
    quotas: Quotas = field(default_factory=Quotas)
    throttle: Throttle = field(default_factory=Throttle)
    late_states: Late[Instance] = field(default_factory=Late)
    appear_at: dict[str, datetime] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The moment that is being lived through: of the call, or of the effect under way."""
        return self.agenda.now

    @property
    def second(self) -> datetime:
        """The same without its fraction, as EC2 shows times."""
        return self.now.replace(microsecond=0)

    def soon(self, delay: Seconds) -> datetime:
        """Return a moment within *delay* from now."""
        return self.now + self.chance.delay(delay)

    def later(self, delay: Seconds, effect: Callable[[], None]) -> datetime:
        """Let *effect* happen within *delay*, and return when."""
        at = self.soon(delay)
        self.agenda.at(at, lambda _: effect())
        return at

    def public_address(self) -> str:
        """Return a public address that nobody had before."""
        return str(PUBLIC_CIDR[next(self.public_addresses) % PUBLIC_CIDR.num_addresses])

    def appears_late(self, resource_id: str, delay: Seconds) -> str:
        """Let something new be unknown for a while; return its id."""
        self.appear_at[resource_id] = self.soon(delay)
        return resource_id

    def appears(self, resource_id: str) -> bool:
        """Tell whether something is known to calls already."""
        return resource_id not in self.appear_at or self.appear_at[resource_id] <= self.now

    def seen(self, store: Mapping[str, T]) -> Callable[[str], T | None]:
        """Return how to get what is in *store* and known already."""
        return lambda i: store.get(i) if self.appears(i) else None

    def forget(self, resource_id: str) -> None:
        """Drop what is kept about something that is gone."""
        self.tags.forget(resource_id)
        self.appear_at.pop(resource_id, None)

    def tag_list(self, resource_id: str) -> list[dict[str, str]]:
        """Return the tags that show now, as EC2 writes them."""
        return tag_list(self.tags.of(resource_id, self.now))

    def put_instance(self, instance: Instance) -> None:
        """Store *instance* and index its state."""
        if (before := self.instances.get(instance.instance_id)) is not None:
            self.by_state[before.state].pop(instance.instance_id)
            if before.state != instance.state:
                self._moved(before, instance)
        self.by_state.setdefault(instance.state, {})[instance.instance_id] = None
        self.instances[instance.instance_id] = instance

    def _moved(self, before: Instance, after: Instance) -> None:
        """Let a change of state show late, and what has ended count a while longer."""
        shows_at = self.soon(self.timing.state_visibility)
        self.late_states.change(after.instance_id, before, after, shows_at)
        if before.state in COUNTED and after.state not in COUNTED:
            self.quotas.give_back(before.pool, 1, self.soon(self.timing.quota_release))

    def shown(self, instance: Instance) -> Instance:
        """Return *instance* in the state that an observer sees now."""
        seen = self.late_states.shown(instance.instance_id, instance, self.now)
        return instance if seen is instance else instance.as_in(seen)

    def drop_instance(self, instance_id: str) -> None:
        """Forget an instance: its hour after termination is over."""
        self.late_states.forget(instance_id)
        self.by_state[self.instances.pop(instance_id).state].pop(instance_id)
        self.forget(instance_id)


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what is asked, and where."""

    state: State
    region: str
    operation: str
    parameters: Mapping[str, Any]

    @property
    def now(self) -> datetime:
        """The moment of the call."""
        return self.state.now

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter, or *default* if the request lacks it."""
        value = self.parameters.get(name)
        return default if value is None else value

    def need(self, name: str) -> Any:
        """Return a parameter that the request must have."""
        value = self.get(name)
        if value in (None, "", [], {}):
            raise missing(name)
        return value

    def tags(self, kind: str) -> dict[str, str]:
        """Return the TagSpecifications of a call that makes things of one *kind*."""
        return tag_specifications(self.get("TagSpecifications", ()), {kind}).get(kind, {})

    def once(self, act: Callable[[], Answer], longest: int = 64, scope: str = "") -> Answer:
        """Run *act* unless this ClientToken was answered before; then return that answer again.

        A token has at most *longest* characters. It belongs to one operation in one region (and one *scope*),
        is bound to the parameters and the images that their aliases stand for, and is never forgotten here:
        EC2 does not say when it forgets.
        """
        token = str(self.get("ClientToken", ""))
        if len(token) > longest or not token.isascii():
            message = f"Invalid client token: at most {longest} ASCII characters."
            raise Ec2Error("InvalidParameterValue", message)
        if not token:
            return act()
        parameters = {k: v for k, v in self.parameters.items() if k != "DryRun"}
        aliases = self.state.image_rules.aliases(self.region, parameters)
        question = fingerprint({"asked": parameters, "aliases": aliases})
        key = (self.region, self.operation, scope, token)
        if key not in self.state.answered:
            self.state.answered[key] = (question, act())
        asked, answer = self.state.answered[key]
        if asked != question:
            message = "The client token was used before with other parameters."
            raise Ec2Error("IdempotentParameterMismatch", message)
        return copy.deepcopy(answer)


Operation = Callable[[Call], Answer]
