"""CreateFleet of type instant, DescribeFleets and DeleteFleets.

An instant fleet answers at once and in parts: what it launched, and for every offer that it tried in vain
the reason. It never tries again by itself. Deleting it terminates its instances.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local.ec2.errors import Ec2Error
from local.ec2.fleet_filling import Filling
from local.ec2.fleet_request import read
from local.ec2.kinds import FLEET, find, unknown
from local.ec2.life import BY_USER, end
from local.ec2.quotas import MAX_FLEETS
from local.ec2.state import Answer, Call

_PLACE = ("AvailabilityZone", "AvailabilityZoneId", "SubnetId")
"""CreateFleet says where its instances are, DescribeFleets does not. Source: botocore 1.44.5, ec2."""


def create_fleet(call: Call) -> Answer:
    """CreateFleet: launch what there is, and remember what was asked and got."""
    request = read(call)
    active = (fleet["FleetState"] == "active" for fleet in call.state.fleets.values())
    call.state.quotas.check_count("fleets", active, MAX_FLEETS)
    fleet_id = f"fleet-{call.state.chance.uuid()}"
    filling = Filling(call, request, fleet_id)
    for target in request.targets:
        filling.fill(target)
    answer = {"FleetId": fleet_id, "Errors": filling.errors, "Instances": filling.instances}
    call.state.tags.put(fleet_id, request.tags.get("fleet", {}))
    counts = {market: filling.launched[market] for market in ("on-demand", "spot")}
    call.state.fleets[fleet_id] = answer | {
        "Type": "instant",
        "FleetState": "active",
        "CreateTime": call.now,
        "ClientToken": call.get("ClientToken", ""),
        "TargetCapacitySpecification": call.get("TargetCapacitySpecification"),
        "FulfilledCapacity": float(sum(counts.values())),
        "FulfilledOnDemandCapacity": float(counts["on-demand"]),
    }
    return answer


def describe_fleets(call: Call) -> Answer:
    """DescribeFleets; an instant fleet shows only when it is asked for by id."""
    fleets = []
    for fleet in find(FLEET, call.get("FleetIds", ()), call.state.fleets.get):
        groups = [{k: v for k, v in group.items() if k not in _PLACE} for group in fleet["Instances"]]
        fleets.append(fleet | {"Instances": groups, "Tags": call.state.tag_list(fleet["FleetId"])})
    return {"Fleets": fleets}


def delete_fleets(call: Call) -> Answer:
    """DeleteFleets: terminate the instances of instant fleets; unknown ids are reported beside the others."""
    ids = call.need("FleetIds")
    if not call.get("TerminateInstances", False):
        raise Ec2Error("UnsupportedOperation", "NoTerminateInstances is not supported for instant fleets.")
    deleted, failed = [], []
    for fleet_id in ids:
        fleet = call.state.fleets.get(fleet_id)
        if fleet is None:
            error = {"Code": "fleetIdDoesNotExist", "Message": unknown(FLEET, fleet_id).message}
            failed.append({"FleetId": fleet_id, "Error": error})
            continue
        before, now = fleet["FleetState"], "deleted_terminating"
        _terminate_members(call, fleet)
        fleet["FleetState"] = now
        deleted.append({"FleetId": fleet_id, "PreviousFleetState": before, "CurrentFleetState": now})
    return {"SuccessfulFleetDeletions": deleted, "UnsuccessfulFleetDeletions": failed}


def _terminate_members(call: Call, fleet: Mapping[str, Any]) -> None:
    for group in fleet["Instances"]:
        for instance_id in group["InstanceIds"]:
            instance = call.state.instances.get(instance_id)
            if instance is not None and not instance.saved:
                end(call.state, instance_id, BY_USER)


OPERATIONS = {"CreateFleet": create_fleet, "DescribeFleets": describe_fleets, "DeleteFleets": delete_fleets}
