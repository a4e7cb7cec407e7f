"""RunInstances: at least so many or none, all in one zone, once per client token and zone.

With a subnet or a zone the token is *zonal*: the same token in another zone launches again. Without, it is
regional. A repeated answer shows the instances as they are now. Source: EC2 developer guide, "Ensuring
idempotency". A token that was used with a zone is another one without it: the harsher reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local.ec2.birth import Launch, launch
from local.ec2.errors import Ec2Error
from local.ec2.image_launches import launch_image
from local.ec2.instances import member
from local.ec2.launching import Place, give_back, no_addresses, refusal, take
from local.ec2.run_request import RunRequest, read
from local.ec2.state import Answer, Call
from local.ec2.tags import tag_list


def run_instances(call: Call) -> Answer:
    """RunInstances; see the module. A dry run makes every check but those of capacity and token."""
    token, request = call.token(), read(call)
    if call.get("DryRun"):
        _choose(call, request)
        raise Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
    if not token:
        return _answer(call, _launch(call, request, call.state.chance.uuid()))
    asked_now = {k: v for k, v in call.parameters.items() if k != "DryRun"}
    question, key = call.question(asked_now), (call.region, f"RunInstances {request.zone}", token)
    if key not in call.state.answered:
        call.state.answered[key] = (question, {"Ids": _launch(call, request, token)})
    asked, launched = call.state.answered[key]
    if asked != question:
        message = "The client token was used before with other parameters."
        raise Ec2Error("IdempotentParameterMismatch", message)
    return _answer(call, launched["Ids"])


def _launch(call: Call, request: RunRequest, token: str) -> list[str]:
    place = _choose(call, request)
    addresses = call.state.subnets[place.subnet_id].available
    if addresses < request.at_least:
        raise no_addresses()
    count, why_not_more = take(call, place, min(request.at_most, addresses))
    if why_not_more is not None and count < request.at_least:
        give_back(call, place, count)
        raise why_not_more
    image = launch_image(call.state, call.region, place.data["ImageId"])
    return launch(call, Launch(place=place, image=image, client_token=token), count, 0)


def _choose(call: Call, request: RunRequest) -> Place:
    """Return the place to launch at: of those that EC2 does not refuse the one with most room."""
    refused = {place.subnet_id: refusal(call, place) for place in request.places}
    possible = [place for place in request.places if refused[place.subnet_id] is None]
    if not possible:
        raise next(error for error in refused.values() if error is not None)
    return max(possible, key=lambda place: _room(call, place))


def _room(call: Call, place: Place) -> int:
    return min(call.state.capacity.available(place.pool), call.state.subnets[place.subnet_id].available)


def _answer(call: Call, ids: Sequence[str]) -> Answer:
    """Return the reservation of instances as they are now, with their true tags."""
    instances = [call.state.instances.get(instance_id) for instance_id in ids]
    shown: list[Mapping[str, Any]] = []
    for instance in instances:
        if instance is None or instance.state == "terminated":
            message = "The client token belongs to an instance that has been terminated."
            raise Ec2Error("IdempotentInstanceTerminated", message)
        tags = tag_list(call.state.tags.of(instance.instance_id))
        shown.append(member(call, instance) | {"Tags": tags})
    reservation_id = next(i.reservation_id for i in instances if i is not None)
    return {
        "ReservationId": reservation_id,
        "OwnerId": call.state.account,
        "Groups": [],
        "Instances": shown,
    }


OPERATIONS = {"RunInstances": run_instances}
