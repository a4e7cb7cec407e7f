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
from typing import Any

from local.ec2.agenda import Agenda
from local.ec2.capacity import Capacity
from local.ec2.chance import Chance
from local.ec2.errors import Ec2Error, missing
from local.ec2.instance import Instance, Volume
from local.ec2.paging import fingerprint
from local.ec2.tags import Tags
from local.ec2.timing import Timing
from local.ec2.world import Subnet

Answer = dict[str, Any]


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
    volumes: dict[str, Volume] = field(default_factory=dict)
    answered: dict[tuple[str, str, str], tuple[str, Answer]] = field(default_factory=dict)
    sequence: count[int] = field(default_factory=count)

    def put_instance(self, instance: Instance) -> None:
        """Store *instance* and index its state."""
        if (before := self.instances.get(instance.instance_id)) is not None:
            self.by_state[before.state].pop(instance.instance_id)
        self.by_state.setdefault(instance.state, {})[instance.instance_id] = None
        self.instances[instance.instance_id] = instance

    def drop_instance(self, instance_id: str) -> None:
        """Forget an instance: its hour after termination is over."""
        self.by_state[self.instances.pop(instance_id).state].pop(instance_id)
        self.tags.forget(instance_id)


@dataclass(frozen=True, slots=True)
class Call:
    """One request: what is asked, where and when."""

    state: State
    region: str
    operation: str
    parameters: Mapping[str, Any]
    now: datetime

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

    def once(self, act: Callable[[], Answer]) -> Answer:
        """Run *act* unless this ClientToken was answered before; then return that answer again.

        A token belongs to one operation in one region, and is never forgotten here: EC2 does not say when it
        forgets.
        """
        token = self.get("ClientToken", "")
        if not token:
            return act()
        if len(token) > 64 or not token.isascii():
            raise Ec2Error("InvalidParameterValue", "Invalid client token: at most 64 ASCII characters.")
        question, key = fingerprint(self.parameters), (self.region, self.operation, token)
        if key not in self.state.answered:
            self.state.answered[key] = (question, act())
        asked, answer = self.state.answered[key]
        if asked != question:
            message = "The client token was used before with other parameters."
            raise Ec2Error("IdempotentParameterMismatch", message)
        return copy.deepcopy(answer)


Operation = Callable[[Call], Answer]
