"""The life of an instance: pending, running, shutting-down, terminated, forgotten; each step has its event.

What a machine holds comes back when it is *terminated*, not when somebody asked: capacity, address and
volumes. ``pause`` has the way over stopping and stopped.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from local.ec2.device_mappings import release
from local.ec2.events import REBALANCE, SPOT_WARNING, STATE_CHANGE, instance_event
from local.ec2.instance import Instance
from local.ec2.state import State
from local.ec2.world import COMPUTE_REGION

BY_USER = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
BY_SPOT = ("Server.SpotInstanceTermination", "Server.SpotInstanceTermination: Spot instance termination")
BY_FAILURE = ("Server.InternalError", "Server.InternalError: Internal error")


def begin(state: State, instance: Instance, now: datetime, death: tuple[str, str] | None = None) -> None:
    """Take an instance into the account as pending; it runs after the pending delay, or dies then."""
    state.put_instance(instance)
    tell(state, STATE_CHANGE, instance.instance_id, now, state="pending")
    runs_at = now + state.chance.delay(state.timing.pending)
    state.agenda.at(runs_at, lambda when: _run(state, instance.instance_id, when, death))


def _run(state: State, instance_id: str, when: datetime, death: tuple[str, str] | None) -> None:
    instance = state.instances[instance_id]
    if instance.state != "pending":
        return
    if death is not None:
        end(state, instance_id, when, death)
        return
    state.put_instance(instance.moved("running"))
    tell(state, STATE_CHANGE, instance_id, when, state="running")
    post_later(state, instance_id, when)


def end(state: State, instance_id: str, now: datetime, reason: tuple[str, str], transition: str = "") -> None:
    """Begin to terminate an instance; nothing happens to one that already ends or is gone."""
    instance = state.instances.get(instance_id)
    if instance is None or not instance.alive:
        return
    if instance.state == "stopped":
        state.put_instance(instance.moved("stopped", reason, transition))
        _gone(state, instance_id, now)
        return
    state.put_instance(instance.moved("shutting-down", reason, transition))
    tell(state, STATE_CHANGE, instance_id, now, state="shutting-down")
    gone_at = now + state.chance.delay(state.timing.shutting_down)
    state.agenda.at(gone_at, lambda when: _gone(state, instance_id, when))


def end_by_user(state: State, instance_id: str, now: datetime) -> None:
    """Begin to terminate an instance because an API call said so."""
    end(state, instance_id, now, BY_USER, f"User initiated ({now:%Y-%m-%d %H:%M:%S} GMT)")


def _gone(state: State, instance_id: str, when: datetime) -> None:
    before = state.instances[instance_id]
    instance = before.moved("terminated")
    state.put_instance(instance)
    if before.state != "stopped":
        state.capacity.give_back(instance.pool)
    post(state, instance_id, when)
    state.subnets[instance.subnet_id].give_back(instance.private_ip)
    state.tags.forget(instance.birth["NetworkInterfaces"][0]["NetworkInterfaceId"])
    state.tags.forget(instance.birth.get("SpotInstanceRequestId", ""))
    release(state, instance_id, when)
    tell(state, STATE_CHANGE, instance_id, when, state="terminated")
    forgotten_at = when + state.timing.describable_after_termination
    state.agenda.at(forgotten_at, lambda _: state.drop_instance(instance_id))


def post_later(state: State, instance_id: str, when: datetime) -> None:
    """Post the console output some time after a boot."""
    at = when + state.chance.delay(state.timing.console)
    state.agenda.at(at, lambda then: post(state, instance_id, then))


def post(state: State, instance_id: str, when: datetime) -> None:
    """Make what the console has now what shows without ``Latest``."""
    instance = state.instances.get(instance_id)
    if instance is not None and instance.console:
        state.put_instance(replace(instance, posted=(when, instance.console)))


def warn_of_interruption(state: State, instance_id: str, now: datetime, notice: timedelta) -> None:
    """Send the spot notice now and terminate when it has run out."""
    tell(state, SPOT_WARNING, instance_id, now, instance_action="terminate")
    state.agenda.at(now + notice, lambda when: end(state, instance_id, when, BY_SPOT))


def recommend_rebalance(state: State, instance_id: str, now: datetime) -> None:
    """Send the rebalance recommendation; the instance stays."""
    tell(state, REBALANCE, instance_id, now)


def tell(state: State, kind: str, instance_id: str, at: datetime, /, **detail: str) -> None:
    """Emit one event about an instance."""
    event_id = state.chance.uuid()
    state.emit(
        instance_event(
            kind,
            instance_id,
            at=at,
            event_id=event_id,
            account=state.account,
            region=COMPUTE_REGION,
            **detail,
        )
    )
