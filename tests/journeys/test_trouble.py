"""Trouble everywhere at once: throttles, lost answers, killed workers, dying machines, duplicates, cancels."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from local.faults import Fault
from tests.journeys.conftest import Yard

CALLS = [
    ("ec2", "CreateFleet"),
    ("ec2", "DescribeInstances"),
    ("ec2", "TerminateInstances"),
    ("dynamodb", "TransactWriteItems"),
    ("dynamodb", "BatchGetItem"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "Query"),
    ("sqs", "SendMessageBatch"),
]
VERDICTS = ("fulfilled", "refused", "timed_out", "cancelled")


@pytest.mark.parametrize("seed", [2])
def test_every_request_ends_in_one_verdict_and_nothing_is_left_behind(yard: Yard, seed: int) -> None:
    chance = random.Random(seed)
    asked: list[str] = []
    for _ in range(3):
        asked += [_ask(yard, chance) for _ in range(8)]
        for _ in range(chance.randint(1, 4)):
            yard.world.faults.add(_fault(chance))
        yard.pass_time(chance.choice([20, 60, 150]))
        _use(yard, chance)
    yard.world.faults.clear()
    for request_id in asked:
        yard.lease("cancel", request_id)
    for _ in range(6):
        yard.pass_time(300)
    for request_id in asked:
        verdicts = {json.dumps(a) for a in yard.answers(request_id) if a["event"] in VERDICTS}
        assert len(verdicts) == 1, (request_id, yard.events(request_id))
    assert yard.alive() == set()
    in_use = yard.api("GET", "/pools/default")[1]["in_use"]
    assert in_use == {"instances": 0, "pending_instances": 0, "usd_per_hour": 0}
    dead = {name: depth for name, depth in yard.world.status()["queues"].items() if name.endswith("-dead")}
    assert not any(any(depth.values()) for depth in dead.values())


def _ask(yard: Yard, chance: random.Random) -> str:
    need: dict[str, Any] = {"vcpus": chance.choice([1, 2, 4, 8]), "memory_mib": chance.choice([2048, 16_384])}
    shape: dict[str, Any] = {
        "requirements": need | {"architecture": chance.choice(["amd64", "arm64", "any"])},
        "market": chance.choice(["spot", "on-demand", "spot-first"]),
        "sharing": chance.choice(["exclusive", "requester"]),
        "count": chance.choice([1, 1, 1, 2, 5]),
        "timeout_seconds": chance.choice([120, 900, 1800]),
        "lease_seconds": chance.choice([300, 900]),
    }
    request_id = yard.ask(**shape)
    if chance.random() < 0.2:
        yard.ask(request_id, **shape)
    if chance.random() < 0.1:
        yard.lease("cancel", request_id)
    return request_id


def _fault(chance: random.Random) -> Fault:
    service, operation = chance.choice(CALLS)
    throttle = "RequestLimitExceeded" if service == "ec2" else "ThrottlingException"
    error = chance.choice(["KillWorkerBefore", "KillWorkerAfter", "LostResponse", throttle])
    return Fault(service=service, operation=operation, error=error, times=chance.randint(1, 3))


def _use(yard: Yard, chance: random.Random) -> None:
    held = [answer["request_id"] for answer in yard.heard if answer["event"] == "fulfilled"]
    for request_id in chance.sample(held, min(5, len(held))):
        yard.lease(chance.choice(["renew", "release"]), request_id)
    for machine in sorted(yard.alive())[:1]:
        if chance.random() < 0.5:
            yard.world.ec2.die(machine)
