"""CopyImage and DeregisterImage: images of our own come late and end at once, each with its event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from local.ec2.errors import Ec2Error, invalid_value, not_modelled
from local.ec2.events import IMAGE, envelope
from local.ec2.image_launches import unavailable
from local.ec2.image_rules import Image
from local.ec2.images import find_image
from local.ec2.state import Answer, Call, State
from local.ec2.tags import TAGS_PER_RESOURCE, tag_specifications
from local.ec2.volume import Snapshot
from local.ec2.volume_life import key_arn
from local.ec2.world import COMPUTE_REGION, REGIONS

_ELSEWHERE = (
    "KmsKeyId",
    "DestinationOutpostArn",
    "DestinationAvailabilityZone",
    "DestinationAvailabilityZoneId",
    "SnapshotCopyCompletionDurationMinutes",
)
COPIED = "vol-ffffffff"
"""The volume of a copied snapshot: an arbitrary id, says the EC2 API reference (CopySnapshot)."""

LONGEST_TOKEN = 128
"""Source: EC2 API reference, CopyImage."""

_NOT_COPIED = ("ImageOwnerAlias", "DeprecationTime", "Description", "StateReason", "PublicSsmParameterName")


def own_image(call: Call) -> Image:
    """Return the image that the call names, which has to be the account's own."""
    image = find_image(call.state, call.region, call.need("ImageId"))
    if image["OwnerId"] != call.state.account:
        raise Ec2Error("AuthFailure", f"Not authorized for image:{image['ImageId']}", 403)
    return image


def copy_image(call: Call) -> Answer:
    """CopyImage into the region of the call, once per client token; the copy is pending at first."""
    return call.once(lambda: _copy(call), longest=LONGEST_TOKEN)


def _copy(call: Call) -> Answer:
    state, name, region = call.state, call.need("Name"), call.need("SourceRegion")
    for member in _ELSEWHERE:
        if call.get(member):
            raise not_modelled(f"CopyImage with {member}")
    if region not in REGIONS:
        raise invalid_value("SourceRegion", region)
    source = find_image(state, region, call.need("SourceImageId"))
    if source["State"] != "available":
        raise unavailable(source["ImageId"])
    if source.get("ProductCodes"):
        message = "Images from AWS Marketplace cannot be copied to another AWS account"
        raise Ec2Error("InvalidRequest", message)
    _check_name(call, name)
    tags = tag_specifications(call.get("TagSpecifications", ()), {"image"}).get("image", {})
    tags = _copied_tags(call, source) | tags
    if len(tags) > TAGS_PER_RESOURCE:
        raise Ec2Error("TagLimitExceeded", f"More than {TAGS_PER_RESOURCE} tags.")
    ready_at = call.now + state.chance.delay(state.timing.image_copy)
    image = _image(call, source, name, region, ready_at)
    state.images.setdefault(call.region, {})[image["ImageId"]] = image
    state.tags.put(image["ImageId"], tags)
    state.agenda.at(ready_at, lambda when: _settle(state, call.region, image, when, "available"))
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


def _image(call: Call, source: Image, name: str, region: str, ready_at: datetime) -> Image:
    chance, account = call.state.chance, call.state.account
    disks = [_disk(call, disk, ready_at) for disk in source.get("BlockDeviceMappings", ())]
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
        "CreationDate": call.now.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "BlockDeviceMappings": disks,
        "SourceImageId": source["ImageId"],
        "SourceImageRegion": region,
    }


def _disk(call: Call, disk: Mapping[str, Any], ready_at: datetime) -> Mapping[str, Any]:
    """Return a disk of the copy: a snapshot of its own, encrypted if asked to or if the source's was."""
    if "Ebs" not in disk:
        return disk
    encrypted = bool(call.get("Encrypted") or disk["Ebs"].get("Encrypted"))
    ebs = {**disk["Ebs"], "SnapshotId": call.state.chance.id("snap"), "Encrypted": encrypted}
    if call.region == COMPUTE_REGION:
        _add_snapshot(call, ebs, ready_at)
    return {**disk, "Ebs": ebs}


def _add_snapshot(call: Call, ebs: Mapping[str, Any], ready_at: datetime) -> None:
    """Add the snapshot behind a disk of the copy; where there is no compute, nothing lists snapshots."""
    state = call.state
    state.snapshots[ebs["SnapshotId"]] = Snapshot(
        snapshot_id=ebs["SnapshotId"],
        sequence=next(state.sequence),
        volume_id=COPIED,
        size_gib=int(ebs["VolumeSize"]),
        encrypted=ebs["Encrypted"],
        kms_key=key_arn(state, None) if ebs["Encrypted"] else "",
        description=f"Copied for DestinationAmi from SourceAmi {call.get('SourceImageId')}",
        started_at=call.now.replace(microsecond=0),
        visible_at=call.now + state.chance.delay(state.timing.visibility),
        completes_at=ready_at,
    )


def _settle(state: State, region: str, image: Image, when: datetime, became: str, error: str = "") -> None:
    """Let a pending image become *became*; nothing happens to one that is past that."""
    present = state.images.get(region, {}).get(image["ImageId"]) is image
    if present and image["State"] == "pending":
        image["State"] = became
        for snapshot_id in _snapshots_of(image) & state.snapshots.keys():
            done = replace(state.snapshots[snapshot_id], state="completed", completes_at=when)
            state.snapshots[snapshot_id] = done
        tell(state, region, image["ImageId"], when, became, error)


def _snapshots_of(image: Image) -> set[str]:
    return {disk["Ebs"]["SnapshotId"] for disk in image["BlockDeviceMappings"] if "Ebs" in disk}


def fail(state: State, region: str, image_id: str, when: datetime, message: str) -> None:
    """Let a copy under way fail; it stays, and never becomes available."""
    image = state.images[region][image_id]
    if image["State"] != "pending":
        raise ValueError(f"{image_id} is {image['State']}, not pending")
    image["StateReason"] = {"Code": "Client.InternalError", "Message": message}
    _settle(state, region, image, when, "failed", message)


def deregister_image(call: Call) -> Answer:
    """DeregisterImage of our own; what runs of it stays, its snapshots, too."""
    image, state = own_image(call), call.state
    if call.get("DeleteAssociatedSnapshots"):
        raise not_modelled("DeleteAssociatedSnapshots")
    image_id = image["ImageId"]
    del state.images[call.region][image_id]
    state.tags.forget(image_id)
    state.image_rules.shares.pop((call.region, image_id), None)
    state.image_rules.deregistered.add((call.region, image_id))
    tell(state, call.region, image_id, call.now, "deregistered")
    return {"Return": True}


def tell(state: State, region: str, image_id: str, at: datetime, became: str, error: str = "") -> None:
    """Emit the event about one of our own images; what other accounts do to theirs is silent."""
    detail = {
        "RequestId": state.chance.uuid(),
        "ImageId": image_id,
        "State": became,
        "ErrorMessage": error,
    }
    about = [f"arn:aws:ec2:{region}::image/{image_id}"]
    event_id, account = state.chance.uuid(), state.account
    state.emit(envelope(IMAGE, about, detail, at=at, event_id=event_id, account=account, region=region))


OPERATIONS = {"CopyImage": copy_image, "DeregisterImage": deregister_image}
