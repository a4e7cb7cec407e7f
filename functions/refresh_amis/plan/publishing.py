"""What the parameters of each region say: the image in force, where it came from, and what canary pools launch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from railyard.flatcar.sources import Source
from railyard.model.answers import stamp
from railyard.model.images import parameter_name
from railyard.model.releases import Line, Mark, Placed, Release

Values = dict[str, dict[str, str]]
"""Region -> name -> value."""


def place(
    line: Line, release: Release | None, enabled: frozenset[str], overrides: Mapping[str, str]
) -> dict[str, Placed]:
    """Return what each enabled region holds once *release* is in force: its image, an override, or what it had."""
    placed: dict[str, Placed] = {}
    own = release.images if release else {}
    for region in sorted(enabled & (own.keys() | line.placed.keys() | overrides.keys())):
        if region in overrides:
            placed[region] = Placed(
                image=overrides[region], release="", source=Source.OVERRIDE, mark=Mark.OVERRIDE
            )
        elif release and region in own:
            placed[region] = Placed(image=own[region], release=release.release, source=release.source)
        else:
            waits = release is not None and region in release.behind
            last = line.placed[region]
            mark = Mark.BEHIND if waits else Mark.WITHDRAWN
            placed[region] = replace(last, mark=mark)
    return placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where a stack publishes: below *prefix*; candidates at *home* alone."""

    prefix: str
    home: str


def parameters(line: Line, shelf: Shelf) -> Values:
    """Return everything that *line* publishes."""
    values: Values = {}
    for region, placed in line.placed.items():
        about = json.dumps(provenance(line, region), sort_keys=True)
        values[region] = {_name(line, shelf, "image"): placed.image, _name(line, shelf, "release"): about}
    if line.tries and shelf.home in line.placed:
        values[shelf.home][_name(line, shelf, "candidate")] = _candidate(line, shelf.home)
    return values


def is_image(name: str) -> bool:
    """Tell whether the parameter *name* holds an image, whose type EC2 resolves."""
    return name.endswith(("/image", "/candidate"))


def _name(line: Line, shelf: Shelf, kind: str) -> str:
    return parameter_name(shelf.prefix, line.channel, line.architecture, kind)


def _candidate(line: Line, home: str) -> str:
    """Return what canary pools launch: the release on trial, or else what all others do."""
    trial = line.candidate
    return trial.release.images[home] if trial and not trial.failed else line.placed[home].image


def provenance(line: Line, region: str) -> dict[str, str | bool]:
    """Return what the ``release`` parameter of *region* says, as the contract names it."""
    placed, release, previous = line.placed[region], line.current, line.previous
    said: dict[str, str | bool] = {
        "version": placed.release,
        "image": placed.image,
        "previous": previous.images.get(region, "") if previous else "",
        "withdrawn": placed.mark is Mark.WITHDRAWN,
        "behind": placed.mark is Mark.BEHIND,
        "pinned": line.pin is not None,
    }
    if placed.mark is not Mark.RELEASE or release is None:
        own = placed.source == Source.OVERRIDE
        return said | {
            "source": placed.source,
            "verification": "the operator's own" if own else "checked in EC2 when it was published",
            "channel_of_origin": line.channel,
        }
    source = release.copied_from.get(region)
    copied = {"copied_from": source} if source else {}
    return (
        said
        | copied
        | {
            "source": release.source,
            "url": release.url,
            "channel_of_origin": release.channel,
            "verification": f"{_checked(release)} checked in EC2; signature: {release.signature}",
            "signature": release.signature,
            "signer": release.signer,
            "released_at": stamp(release.found_at),
        }
    )


def _checked(release: Release) -> str:
    """Return what stands for an image's being Flatcar's: the Marketplace names its own owner and names."""
    own = release.source == Source.MARKETPLACE
    return "architecture and state" if own else "owner, name, version and state"
