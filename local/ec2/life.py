"""The life of an instance: pending, running, shutting-down, terminated, forgotten; and the way over stopped.

Each step has its event. What a machine holds comes back when it is *terminated*, not when somebody asked:
capacity, address and volumes. A stopped instance keeps its private address, its interface and its volumes; it
gives its capacity and its public address back, and needs both again at its start. A start is on other hardware:
what AWS had scheduled for the old one, and its impairment, are over.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from local.ec2.events import SPOT_WARNING, STATE_CHANGE, tell_instance
from local.ec2.instance import Instance, Reason
from local.ec2.interfaces import with_public_address
from local.ec2.state import State
from local.ec2.volumes import release

BY_USER = ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown")
BY_SPOT = ("Server.SpotInstanceTermination", "Server.SpotInstanceTermination: Spot instance termination")
BY_FAILURE = ("Server.InternalError", "Server.InternalError: Internal error")
BY_SCHEDULE = ("Server.ScheduledStop", "Server.ScheduledStop: Stopped due to a scheduled retirement")
FROM_WITHIN = (
    "Client.InstanceInitiatedShutdown",
    "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
)


def enter(state: State, instance: Instance) -> None:
    """Let an instance be as it is from now on, and tell its state."""
    state.put_instance(instance)
    tell_instance(state, STATE_CHANGE, instance.instance_id, state=instance.state)


def begin(state: State, instance: Instance, death: Reason | None = None) -> None:
    """Take a pending instance into the account; it runs after the pending delay, or dies then."""
    enter(state, instance)
    state.later(state.timing.pending, lambda: _run(state, instance.instance_id, death))


def _run(state: State, instance_id: str, death: Reason | None) -> None:
    instance = state.instances[instance_id]
    if instance.state != "pending":
        return
    if death is not None:
        end(state, instance_id, death)
        return
    enter(state, instance.moved("running"))
    post_later(state, instance_id)


def end(state: State, instance_id: str, reason: Reason) -> None:
    """Begin to terminate an instance; nothing happens to one that already ends or is gone."""
    instance = state.instances.get(instance_id)
    if instance is None or not instance.alive:
        return
    ending = instance.moved("shutting-down", reason, transition(state, reason))
    if instance.state == "stopped":
        _gone(state, ending, held=False)
        return
    enter(state, ending)
    state.later(state.timing.shutting_down, lambda: _gone(state, state.instances[instance_id]))


def transition(state: State, reason: Reason) -> str:
    """Return the StateTransitionReason that goes with *reason*."""
    return f"User initiated ({state.now:%Y-%m-%d %H:%M:%S} GMT)" if reason == BY_USER else ""


def _gone(state: State, ending: Instance, *, held: bool = True) -> None:
    """End an instance that has *held* its capacity until now, or was stopped."""
    instance_id = ending.instance_id
    state.put_instance(ending.moved("terminated"))
    if held:
        state.capacity.give_back(ending.pool)
    post(state, instance_id)
    state.subnets[ending.birth["SubnetId"]].give_back(ending.private_ip)
    state.forget(ending.interface["NetworkInterfaceId"])
    state.forget(ending.birth.get("SpotInstanceRequestId", ""))
    release(state, instance_id)
    tell_instance(state, STATE_CHANGE, instance_id, state="terminated")
    forgotten_at = state.now + state.timing.describable_after_termination
    state.agenda.at(forgotten_at, lambda _: state.drop_instance(instance_id))


def post_later(state: State, instance_id: str) -> None:
    """Post the console output some time after a boot."""
    state.later(state.timing.console, lambda: post(state, instance_id))


def post(state: State, instance_id: str) -> None:
    """Make what the console has now what shows."""
    instance = state.instances.get(instance_id)
    if instance is not None and instance.console:
        state.put_instance(replace(instance, posted=(state.now, instance.console)))


def warn_of_interruption(state: State, instance_id: str, notice: timedelta) -> None:
    """Send the spot notice now and terminate when it has run out."""
    tell_instance(state, SPOT_WARNING, instance_id, instance_action="terminate")
    state.agenda.at(state.now + notice, lambda _: end(state, instance_id, BY_SPOT))


def stop(state: State, instance_id: str, reason: Reason = BY_USER, *, hurry: bool = False) -> None:
    """Begin to stop a running instance; in a *hurry* it takes the shortest time that it can."""
    instance = state.instances.get(instance_id)
    if instance is None or instance.state != "running":
        return
    enter(state, instance.moved("stopping", reason, transition(state, reason)))
    shortest, longest = state.timing.stopping
    state.later((shortest, shortest if hurry else longest), lambda: _stopped(state, instance_id))


def _stopped(state: State, instance_id: str) -> None:
    instance = state.instances.get(instance_id)
    if instance is None or instance.state != "stopping":
        return
    state.capacity.give_back(instance.pool)
    post(state, instance_id)
    birth = with_public_address(instance.birth, None)
    enter(state, replace(state.instances[instance_id], birth=birth, state="stopped"))


def start(state: State, instance: Instance) -> None:
    """Begin to start a stopped instance. The capacity is already taken."""
    birth = {**instance.birth, "LaunchTime": state.second}
    if instance.public:
        birth = with_public_address(birth, state.public_address())
    fresh = replace(
        instance,
        birth=birth,
        booted_at=state.second,
        impaired={},
        scheduled={},
        state="pending",
        state_reason=None,
        transition_reason="",
    )
    begin(state, fresh)


def reboot(state: State, instance_id: str) -> None:
    """Reboot a running instance: its checks begin anew, its console output is posted again."""
    instance = state.instances.get(instance_id)
    if instance is not None and instance.state == "running":
        state.put_instance(replace(instance, booted_at=state.now))
        post_later(state, instance_id)


def shut_down(state: State, instance: Instance) -> None:
    """Do what a shutdown from within does; a one-time spot instance has only one way to end."""
    if instance.shutdown_behavior == "terminate" or instance.pool.market == "spot":
        end(state, instance.instance_id, FROM_WITHIN)
    else:
        stop(state, instance.instance_id, FROM_WITHIN)
