"""What a refresh costs: 17 regions and 2 architectures, counted in HTTP requests and calls of AWS."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from pysequoia import SignatureMode, Tsk, sign

from railyard.aws.copies import Ec2Copies
from railyard.aws.images import Ec2Images
from railyard.aws.parameters import Parameters
from railyard.flatcar.download import DownloadFailed, File, Trouble
from railyard.flatcar.feeds import SIGNATURE_SUFFIX, Feeds
from railyard.flatcar.signature import SigningKey
from railyard.flatcar.sources import ARCHITECTURES, OWNER, Place, official
from railyard.model.images import image_name
from railyard.model.releases import Entry, Line
from railyard.model.switches import Switch
from refresh_amis.ports import Ports
from refresh_amis.run import Outcome, run
from refresh_amis.settings import Settings
from tests.builders import NOW
from tests.functions.refresh_amis.world import SETTINGS as BARE
from tests.functions.refresh_amis.world import Canary, Sets, results
from tests.railyard.aws.stubs import Recorder

REGIONS = [f"eu-west-{n}" for n in range(1, 18)]
VERSION = "4593.2.5"
SETTINGS = replace(BARE, signing_key="key")


def place(architecture: str) -> Place:
    return next(official("stable", architecture))


def feed(architecture: str) -> bytes:
    first = ARCHITECTURES.index(architecture)
    amis = [{"name": region, "hvm": f"ami-{first}{n:07x}"} for n, region in enumerate(REGIONS)]
    return json.dumps({"amis": amis}).encode()


def shown(image_id: str) -> dict[str, Any]:
    architecture = ARCHITECTURES[int(image_id[4])]
    return {
        "ImageId": image_id,
        "Name": image_name("stable", VERSION, architecture),
        "OwnerId": OWNER,
        "Architecture": {"amd64": "x86_64"}.get(architecture, architecture),
        "VirtualizationType": "hvm",
        "RootDeviceType": "ebs",
        "State": "available",
        "Public": True,
    }


class Table:
    """The records of lines, whose reads and writes are counted."""

    def __init__(self, calls: Counter[str]) -> None:
        self._calls, self._held = calls, dict[str, Line]()

    def look(self, lines: Iterable[str]) -> tuple[Mapping[str, Line], Switch | None]:
        return self.read(lines), None

    def read(self, lines: Iterable[str]) -> Mapping[str, Line]:
        self._calls["read"] += 1
        return {line: self._held[line] for line in lines if line in self._held}

    def all(self) -> Iterable[Line]:
        self._calls["all"] += 1
        return self._held.values()

    def record(self, line: Line, over: Line, entries: Iterable[Entry] = ()) -> None:
        self._calls["record"] += 1
        self._held[line.line] = line


class Counted:
    """Everything outside, whose calls are counted by name."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.values: dict[str, dict[str, str]] = {}
        self.copies: dict[str, list[dict[str, Any]]] = {}
        key = Tsk.generate("Buildbot <b@example.com>")
        certificate = key.extract_certificate()
        self.files: dict[str, bytes] = {}
        for each in ARCHITECTURES:
            body = feed(each)
            signature = sign(key.signer(), body, mode=SignatureMode.DETACHED, armor=False)
            self.files |= {
                place(each).url: body,
                place(each).url + SIGNATURE_SUFFIX: signature,
                place(each).version_url: f"FLATCAR_VERSION={VERSION}\n".encode(),
            }
        self.ports = Ports(
            feeds=Feeds(self, key=SigningKey(bytes(certificate), certificate.fingerprint)),
            images=Ec2Images(lambda region: Recorder(partial(self._ec2, region))),
            copies=Ec2Copies(lambda region: Recorder(partial(self._ec2, region)), "railyard"),
            parameters=Parameters(lambda region: Recorder(partial(self._ssm, region))),
            lines=Table(self.calls),
            ami_sets=Sets(),
            canary=Canary(lambda: None),
        )

    def read(self, url: str, etag: str = "") -> File | None:
        self.calls["GET"] += 1
        if url not in self.files:
            raise DownloadFailed(url, code=Trouble.MISSING)
        tag = f'"{hash(self.files[url])}"'
        return None if etag == tag else File(self.files[url], tag)

    def _ec2(self, region: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls[operation] += 1
        if operation == "describe_regions":
            return {"Regions": [{"RegionName": region} for region in REGIONS]}
        own = self.copies.setdefault(region, [])
        if operation == "copy_image":
            source = arguments["SourceImageId"]
            tags = arguments["TagSpecifications"][0]["Tags"]
            own.append(shown(source) | {"ImageId": source + "c", "Tags": tags, "Public": False})
            return {"ImageId": own[-1]["ImageId"]}
        if "Owners" in arguments:
            return {"Images": own}
        wanted = arguments["Filters"][0]["Values"]
        known = {each["ImageId"]: each for each in own}
        return {"Images": [known.get(image_id) or shown(image_id) for image_id in wanted]}

    def _ssm(self, region: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls[operation] += 1
        there = self.values.setdefault(region, {})
        if operation == "put_parameter":
            there[arguments["Name"]] = arguments["Value"]
            return {}
        names = [name for name in arguments["Names"] if name in there]
        return {"Parameters": [{"Name": name, "Value": there[name]} for name in names]}

    def refresh(self, settings: Settings = SETTINGS, **later: float) -> tuple[Outcome, Counter[str]]:
        self.calls.clear()
        return run(self.ports, settings, "eu-west-1", NOW + timedelta(**later)), self.calls.copy()


@pytest.fixture
def outside() -> Counted:
    """Two lines that are published."""
    made = Counted()
    outcome, _ = made.refresh()
    assert results(outcome) == ("published", "published")
    return made


def test_two_feeds_that_have_not_changed_cost_two_requests(outside: Counted) -> None:
    outcome, calls = outside.refresh()
    assert results(outcome) == ("kept", "kept")
    assert calls == {"GET": 2, "read": 1}


def test_with_verification_and_nothing_new_it_is_at_most_36(outside: Counted) -> None:
    outcome, calls = outside.refresh(hours=24)
    assert results(outcome) == ("kept", "kept")
    assert calls == {"GET": 6, "describe_regions": 1, "describe_images": 17, "read": 1, "record": 2}
    assert calls.total() <= 36


def test_a_new_release_costs_two_puts_a_line_and_region_and_two_reads_a_region() -> None:
    outcome, calls = Counted().refresh()
    assert results(outcome) == ("published", "published")
    assert calls == {
        "GET": 6,
        "describe_regions": 1,
        "describe_images": 17,
        "get_parameters": 17 * 2,
        "put_parameter": 17 * 2 * 2,
        "read": 1,
        "record": 2 * 2,
    }


def test_overrides_cost_one_read_a_region_in_every_run(outside: Counted) -> None:
    _, calls = outside.refresh(replace(SETTINGS, overrides="validated"))
    assert calls == {"GET": 2, "describe_regions": 1, "get_parameters": 17, "read": 1}


def test_what_the_marketplace_is_for_costs_nothing_while_the_feed_is_there(outside: Counted) -> None:
    _, calls = outside.refresh(replace(SETTINGS, allow_fallback=("marketplace",)))
    assert calls == {"GET": 2, "read": 1}


def test_own_copies_cost_one_list_a_region_where_ec2_is_asked_and_one_call_for_each_image() -> None:
    outside, copying = Counted(), replace(SETTINGS, own_copies=True)
    outcome, calls = outside.refresh(copying)
    assert results(outcome) == ("held", "held")
    assert (calls["describe_images"], calls["copy_image"], calls["put_parameter"]) == (17 * 2, 17 * 2, 0)
    outcome, calls = outside.refresh(copying, hours=1)
    assert results(outcome) == ("published", "published")
    assert (calls["describe_images"], calls["copy_image"]) == (17 * 2, 0)
    outcome, calls = outside.refresh(copying, hours=2)
    assert results(outcome) == ("kept", "kept")
    assert calls == {"GET": 2, "read": 1}
    _, calls = outside.refresh(copying, hours=26)
    assert calls == {"GET": 6, "describe_regions": 1, "describe_images": 17 * 2, "read": 1, "record": 2}
