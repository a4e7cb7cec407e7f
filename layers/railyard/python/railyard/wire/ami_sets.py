"""AMI sets as they come over a wire: our own form, and Taskcluster's, ``{"amis": [{"region", "hvm", "pv"}]}``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from railyard.errors import InvalidRequest
from railyard.model.ami_sets import Content, SetImage
from railyard.wire.decoding import check, defects
from railyard.wire.pools import Architecture
from railyard.wire.requests import Name

ImageId = Annotated[str, Meta(pattern=r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$(?!\n)")]
ImageIdOrNone = Annotated[str, Meta(pattern=r"^(ami-([0-9a-f]{8}|[0-9a-f]{17}))?$(?!\n)")]
Region = Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$(?!\n)", max_length=32)]
Channel = Annotated[str, Meta(pattern=r"^(stable|beta|alpha|lts(-20[0-9]{2})?)$(?!\n)")]
LARGEST = 200
"""Images of one set: every region that there is, two architectures, two kinds of virtualization, and room."""


class ImageDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One image of a set."""

    region: Region
    architecture: Architecture = "amd64"
    virtualization: Literal["hvm", "pv"] = "hvm"
    image_id: ImageId


class TracksDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The channel whose releases become the set's versions."""

    channel: Channel


class AmiSetDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A set as its manager writes it. One that tracks a channel has its images from there."""

    id: Name | None = None
    description: Annotated[str, Meta(max_length=256)] = ""
    tracks: TracksDocument | None = None
    images: Annotated[tuple[ImageDocument, ...], Meta(max_length=LARGEST)] = ()


class TaskclusterImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One region of Taskcluster's form; an empty id is none."""

    region: Region
    hvm: ImageIdOrNone
    pv: ImageIdOrNone


class TaskclusterDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Taskcluster's form of a set: regions with an image for each kind of virtualization, all amd64.

    What its API gives out fits as it is: ``lastModified`` says nothing here.
    """

    id: Name | None = None
    lastModified: str | None = None  # noqa: N815  # their word
    amis: Annotated[tuple[TaskclusterImage, ...], Meta(max_length=LARGEST)]


def read_ami_set(name: str, value: Any) -> Content:
    """Return the content of the document *value* for the set *name*; raises InvalidRequest with every defect."""
    theirs = isinstance(value, dict) and "amis" in value
    wrong = list(_defects(value, theirs=theirs))
    if not wrong:
        content = (
            _theirs(check(TaskclusterDocument, value)) if theirs else _ours(check(AmiSetDocument, value))
        )
        wrong = list(_contradictions(name, value.get("id"), content))
        if not wrong:
            return content
    raise InvalidRequest("; ".join(wrong), path=_path(wrong[0]))


def _defects(value: dict[str, Any], *, theirs: bool) -> Iterator[str]:
    """Yield every defect of *value*, those of each image with its place in the list."""
    name, each_is = ("amis", TaskclusterImage) if theirs else ("images", ImageDocument)
    listed = value.get(name)
    apart = isinstance(listed, list) and len(listed) <= LARGEST
    rest = value | {name: []} if apart else value
    yield from defects(rest, TaskclusterDocument if theirs else AmiSetDocument, "")
    for place, image in enumerate(listed if apart and isinstance(listed, list) else ()):
        yield from defects(image, each_is, f"{name}[{place}]")


def _ours(document: AmiSetDocument) -> Content:
    images = (
        SetImage(
            region=each.region,
            architecture=each.architecture,
            virtualization=each.virtualization,
            image_id=each.image_id,
        )
        for each in document.images
    )
    tracks = document.tracks.channel if document.tracks else ""
    return Content(images=tuple(sorted(images)), description=document.description, tracks=tracks)


def _theirs(document: TaskclusterDocument) -> Content:
    images = (
        SetImage(region=each.region, architecture="amd64", virtualization=kind, image_id=image_id)
        for each in document.amis
        for kind, image_id in (("hvm", each.hvm), ("pv", each.pv))
        if image_id
    )
    return Content(images=tuple(sorted(images)))


def _contradictions(name: str, given: object, content: Content) -> Iterator[str]:
    if given not in (None, name):
        yield f"id: {given!r} is not the set of the path, {name!r}"
    if content.tracks and content.images:
        yield "images: a set that tracks a channel has them from there"
    if not content.tracks and not content.images:
        yield "images: a set has at least one, or tracks a channel"
    for key, count in Counter(each.key for each in content.images).items():
        if count > 1:
            yield f"images: {key} is named {count} times"


def _path(defect: str) -> str | None:
    return defect.partition(":")[0] or None
