"""DescribeSpotInstanceRequests: one request stands behind each spot instance, for as long as that shows."""

from __future__ import annotations

import re
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.filters import Fields, matching
from local.ec2.instance import Instance
from local.ec2.life import BY_SPOT
from local.ec2.paging import Limits, page
from local.ec2.spot import PRODUCT
from local.ec2.state import Answer, Call
from local.ec2.tags import tag_list

PAGES = Limits(lowest=5, highest=1000, default=1000)
TAKEN, ENDED = "instance-terminated-no-capacity", "instance-terminated-by-user"
MESSAGES = {
    "fulfilled": "Your spot request is fulfilled.",
    TAKEN: "Your Spot instance was terminated because there is no Spot capacity available.",
    ENDED: "Spot Instance terminated due to user-initiated termination.",
}
"""Source of the codes: EC2 user guide, "Get the status of a Spot Instance request"."""


def _id(instance: Instance) -> str:
    return str(instance.birth["SpotInstanceRequestId"])


def _code(instance: Instance) -> str:
    if instance.alive:
        return "fulfilled"
    return TAKEN if instance.state_reason == BY_SPOT else ENDED


def _state(instance: Instance) -> str:
    return "active" if instance.alive else "closed"


FIELDS: Fields[Instance] = {
    "spot-instance-request-id": lambda i: [_id(i)],
    "instance-id": lambda i: [i.instance_id],
    "state": lambda i: [_state(i)],
    "status-code": lambda i: [_code(i)],
    "type": lambda _: ["one-time"],
    "product-description": lambda _: [PRODUCT],
    "launched-availability-zone": lambda i: [i.pool.zone],
    "launch.instance-type": lambda i: [i.pool.instance_type],
    "launch.image-id": lambda i: [i.image_id],
}


def describe_spot_instance_requests(call: Call) -> Answer:
    """List requests by id and filter, oldest first; as late as the instances behind them."""
    state, ids = call.state, call.get("SpotInstanceRequestIds", ())
    visible = (i for i in state.instances.values() if i.pool.market == "spot" and call.now >= i.visible_at)
    known = {_id(instance): state.shown(instance) for instance in visible}
    for one in ids:
        if not re.fullmatch(r"sir-[0-9a-z]{8}", one):
            raise Ec2Error("InvalidSpotInstanceRequestID.Malformed", f"Invalid id: '{one}'")
        if one not in known:
            message = f"The spot instance request ID '{one}' does not exist"
            raise Ec2Error("InvalidSpotInstanceRequestID.NotFound", message)
    passes = matching(call.get("Filters", ()), FIELDS, lambda i: state.tags.of(_id(i), call.now))
    chosen = sorted((known[i] for i in (set(ids) or known)), key=lambda i: i.sequence)
    found, token = page(chosen, call.parameters, PAGES, key=lambda i: i.sequence, keep=passes)
    return {"SpotInstanceRequests": [_member(call, i) for i in found], **token}


def _member(call: Call, instance: Instance) -> dict[str, Any]:
    code = _code(instance)
    return {
        "SpotInstanceRequestId": _id(instance),
        "InstanceId": instance.instance_id,
        "State": _state(instance),
        "Status": {"Code": code, "Message": MESSAGES[code]},
        "Type": "one-time",
        "CreateTime": instance.launched_at,
        "ProductDescription": PRODUCT,
        "LaunchedAvailabilityZone": instance.pool.zone,
        "LaunchSpecification": {"ImageId": instance.image_id, "InstanceType": instance.pool.instance_type},
        "InstanceInterruptionBehavior": "terminate",
        "Tags": tag_list(call.state.tags.of(_id(instance), call.now)),
    }


OPERATIONS = {"DescribeSpotInstanceRequests": describe_spot_instance_requests}
