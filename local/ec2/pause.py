"""The way over stopped: running, stopping, stopped, pending, running; and a reboot, which changes no state.

A stopped instance keeps its private address, its interface and its volumes; it gives its capacity and its public
address back, and needs both again at its start. A start is on other hardware: what AWS had scheduled for the old
one, and its impairment, are over.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from local.ec2.events import STATE_CHANGE
from local.ec2.instance import Instance
from local.ec2.interfaces import with_public_address
from local.ec2.life import BY_USER, begin, end, post, post_later, tell
from local.ec2.state import State

Reason = tuple[str, str]
FROM_WITHIN = (
    "Client.InstanceInitiatedShutdown",
    "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
)
BY_SCHEDULE = ("Server.ScheduledStop", "Server.ScheduledStop: Stopped due to a scheduled retirement")


def stop(
    state: State, instance_id: str, now: datetime, reason: Reason = BY_USER, *, hurry: bool = False
) -> None:
    """Begin to stop a running instance; in a *hurry* it takes the shortest time that it can."""
    instance = state.instances.get(instance_id)
    if instance is None or instance.state != "running":
        return
    transition = f"User initiated ({now:%Y-%m-%d %H:%M:%S} GMT)" if reason == BY_USER else ""
    state.put_instance(replace(instance, state="stopping", state_reason=reason, transition_reason=transition))
    tell(state, STATE_CHANGE, instance_id, now, state="stopping")
    shortest, longest = state.timing.stopping
    stopped_at = now + state.chance.delay((shortest, shortest if hurry else longest))
    state.agenda.at(stopped_at, lambda when: _stopped(state, instance_id, when))


def _stopped(state: State, instance_id: str, when: datetime) -> None:
    instance = state.instances.get(instance_id)
    if instance is None or instance.state != "stopping":
        return
    state.capacity.give_back(instance.pool)
    birth = with_public_address(instance.birth, None)
    state.put_instance(replace(instance, birth=birth, state="stopped"))
    post(state, instance_id, when)
    tell(state, STATE_CHANGE, instance_id, when, state="stopped")


def start(state: State, instance: Instance, now: datetime) -> None:
    """Begin to start a stopped instance. The capacity is already taken."""
    moment = now.replace(microsecond=0)
    birth = {**instance.birth, "LaunchTime": moment}
    if instance.public:
        birth = with_public_address(birth, state.public_address())
    fresh = replace(
        instance,
        birth=birth,
        launched_at=moment,
        booted_at=moment,
        impaired={},
        scheduled={},
        state="pending",
        state_reason=None,
        transition_reason="",
    )
    begin(state, fresh, now)


def reboot(state: State, instance_id: str, now: datetime) -> None:
    """Reboot a running instance: its checks begin anew, its console output is posted again."""
    instance = state.instances.get(instance_id)
    if instance is not None and instance.state == "running":
        state.put_instance(replace(instance, booted_at=now))
        post_later(state, instance_id, now)


def shut_down(state: State, instance: Instance, now: datetime) -> None:
    """Do what a shutdown from within does; a one-time spot instance has only one way to end."""
    if instance.shutdown_behavior == "terminate" or instance.pool.market == "spot":
        end(state, instance.instance_id, now, FROM_WITHIN)
    else:
        stop(state, instance.instance_id, now, FROM_WITHIN)
