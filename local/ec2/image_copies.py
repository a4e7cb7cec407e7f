"""CopyImage and DeregisterImage: images of our own come late and end at once, each with its event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from local.ec2.devices import key_arn
from local.ec2.errors import Ec2Error, invalid_value
from local.ec2.events import tell_image
from local.ec2.filters import TIME
from local.ec2.image_rules import Image, snapshots_of
from local.ec2.images import find_image, unavailable
from local.ec2.snapshots import delete, drop, needed_by
from local.ec2.state import Answer, Call, State
from local.ec2.tags import TAGS_PER_RESOURCE, tag_specifications
from local.ec2.volume import Snapshot
from local.ec2.world import COMPUTE_REGION, REGIONS

COPIED = "vol-ffffffff"
"""The volume of a copied snapshot: an arbitrary id, says the EC2 API reference (CopySnapshot)."""

_NOT_COPIED = ("ImageOwnerAlias", "DeprecationTime", "Description", "StateReason", "PublicSsmParameterName")


def own_image(call: Call) -> Image:
    """Return the image that the call names, which has to be the account's own."""
    image = find_image(call.state, call.region, call.need("ImageId"))
    if image["OwnerId"] != call.state.account:
        raise Ec2Error("AuthFailure", f"Not authorized for image:{image['ImageId']}", 403)
    return image


def copy_image(call: Call) -> Answer:
    """CopyImage into the region of the call; the copy is pending at first."""
    state, name, region = call.state, call.need("Name"), call.need("SourceRegion")
    if region not in REGIONS:
        raise invalid_value("SourceRegion", region)
    source = find_image(state, region, call.need("SourceImageId"))
    if source["State"] != "available":
        raise unavailable(source["ImageId"])
    if source.get("ProductCodes"):
        message = "Images from AWS Marketplace cannot be copied to another AWS account"
        raise Ec2Error("InvalidRequest", message)
    _check_name(call, name)
    given = tag_specifications(call.get("TagSpecifications", ()), {"image", "snapshot"})
    tags = _copied_tags(call, source) | given.get("image", {})
    if len(tags) > TAGS_PER_RESOURCE:
        raise Ec2Error("TagLimitExceeded", f"More than {TAGS_PER_RESOURCE} tags.")
    image = _image(call, source, name, region)
    state.images.setdefault(call.region, {})[image["ImageId"]] = image
    state.tags.put(image["ImageId"], tags)
    ready_at = state.later(state.timing.image_copy, lambda: _settle(state, call.region, image, "available"))
    for disk in image["BlockDeviceMappings"]:
        if "Ebs" in disk and call.region == COMPUTE_REGION:
            _add_snapshot(call, disk["Ebs"], ready_at, given.get("snapshot", {}))
    return {"ImageId": image["ImageId"]}


def _check_name(call: Call, name: str) -> None:
    if not 3 <= len(name) <= 128:
        raise Ec2Error("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long.")
    for other in call.state.images.get(call.region, {}).values():
        if other["OwnerId"] == call.state.account and other.get("Name") == name:
            message = f"AMI name {name} is already in use by AMI {other['ImageId']}"
            raise Ec2Error("InvalidAMIName.Duplicate", message)


def _copied_tags(call: Call, source: Image) -> dict[str, str]:
    """Return the tags that go along: those that the account itself gave, if it asks for them."""
    if not call.get("CopyImageTags") or source["OwnerId"] != call.state.account:
        return {}
    tags = call.state.tags.of(source["ImageId"])
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def _image(call: Call, source: Image, name: str, region: str) -> Image:
    chance, account = call.state.chance, call.state.account
    disks = [_disk(call, disk) for disk in source.get("BlockDeviceMappings", ())]
    described = {"Description": call.get("Description")} if call.get("Description") else {}
    return {
        **{member: value for member, value in source.items() if member not in _NOT_COPIED},
        **described,
        "ImageId": chance.id("ami"),
        "Name": name,
        "OwnerId": account,
        "ImageLocation": f"{account}/{name}",
        "Public": False,
        "State": "pending",
        "CreationDate": call.now.strftime(TIME),
        "BlockDeviceMappings": disks,
        "SourceImageId": source["ImageId"],
        "SourceImageRegion": region,
    }


def _disk(call: Call, disk: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a disk of the copy: a snapshot of its own, encrypted if asked to or if the source's was."""
    if "Ebs" not in disk:
        return disk
    encrypted = bool(call.get("Encrypted") or disk["Ebs"].get("Encrypted"))
    return {
        **disk,
        "Ebs": {**disk["Ebs"], "SnapshotId": call.state.chance.id("snap"), "Encrypted": encrypted},
    }


def _add_snapshot(call: Call, ebs: Mapping[str, Any], ready_at: datetime, tags: Mapping[str, str]) -> None:
    """Add the snapshot behind a disk of the copy; where there is no compute, nothing lists snapshots."""
    state = call.state
    state.snapshots[ebs["SnapshotId"]] = Snapshot(
        snapshot_id=state.appears_late(ebs["SnapshotId"], state.timing.visibility),
        sequence=next(state.sequence),
        volume_id=COPIED,
        size_gib=int(ebs["VolumeSize"]),
        encrypted=ebs["Encrypted"],
        kms_key=key_arn(state, None) if ebs["Encrypted"] else "",
        description=f"Copied for DestinationAmi from SourceAmi {call.get('SourceImageId')}",
        started_at=state.second,
        completes_at=ready_at,
    )
    state.tags.put(ebs["SnapshotId"], tags)


def _settle(state: State, region: str, image: Image, became: str, error: str = "") -> None:
    """Let a pending image become *became*; nothing happens to one that is past that."""
    present = state.images.get(region, {}).get(image["ImageId"]) is image
    if present and image["State"] == "pending":
        image["State"] = became
        for snapshot_id in snapshots_of(image) & state.snapshots.keys():
            done = replace(state.snapshots[snapshot_id], state="completed", completes_at=state.now)
            state.snapshots[snapshot_id] = done
        tell_image(state, region, image["ImageId"], became, error)
    for snapshot_id in snapshots_of(image) & state.snapshots.keys():
        if state.snapshots[snapshot_id].doomed:
            drop(state, snapshot_id)


def fail(state: State, region: str, image_id: str, message: str) -> None:
    """Let a copy under way fail; it stays, and never becomes available."""
    image = state.images[region][image_id]
    if image["State"] != "pending":
        raise ValueError(f"{image_id} is {image['State']}, not pending")
    image["StateReason"] = {"Code": "Client.InternalError", "Message": message}
    _settle(state, region, image, "failed", message)


def deregister_image(call: Call) -> Answer:
    """DeregisterImage of our own; what runs of it stays, its snapshots too, unless they are to go."""
    image, state = own_image(call), call.state
    image_id = image["ImageId"]
    del state.images[call.region][image_id]
    state.tags.forget(image_id)
    state.image_rules.shares.pop((call.region, image_id), None)
    state.image_rules.deregistered.add((call.region, image_id))
    tell_image(state, call.region, image_id, "deregistered")
    if not call.get("DeleteAssociatedSnapshots"):
        return {"Return": True}
    snapshots = sorted(snapshots_of(image))
    return {"Return": True, "DeleteSnapshotResults": [_deleted(call, snapshot) for snapshot in snapshots]}


def _deleted(call: Call, snapshot_id: str) -> Mapping[str, str]:
    """Delete a snapshot with its image, unless another image of the account needs it."""
    state = call.state
    if needed_by(state, call.region, snapshot_id):
        return {"SnapshotId": snapshot_id, "ReturnCode": "skipped"}
    if snapshot_id in state.snapshots:
        delete(state, state.snapshots[snapshot_id])
    return {"SnapshotId": snapshot_id, "ReturnCode": "success"}


OPERATIONS = {"CopyImage": copy_image, "DeregisterImage": deregister_image}
