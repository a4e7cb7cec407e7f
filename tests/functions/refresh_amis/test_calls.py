"""What a refresh costs: 17 regions and 2 architectures, counted in HTTP requests and calls of AWS."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from pysequoia import SignatureMode, Tsk, sign

from railyard.aws.images import Ec2Images
from railyard.flatcar.download import DownloadFailed, File, Trouble
from railyard.flatcar.feeds import SIGNATURE_SUFFIX, Feeds
from railyard.flatcar.signature import SigningKey
from railyard.flatcar.sources import ARCHITECTURES, OWNER, Place, official
from railyard.model.images import Release, image_name
from refresh_amis.plan import Keep, Publish
from refresh_amis.run import Outcome, Ports, run
from refresh_amis.settings import Settings
from tests.builders import NOW
from tests.functions.refresh_amis.test_run import Parameters
from tests.railyard.aws.stubs import Recorder

REGIONS = [f"eu-west-{n}" for n in range(1, 18)]
VERSION = "4593.2.5"
SETTINGS = Settings(releases_table="", bus_name="", signing_key="key")


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


class Counted:
    """Everything outside, whose calls are counted by name."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.held: dict[str, Release] = {}
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
            images=Ec2Images(lambda _: Recorder(self._ec2)),
            parameters=Parameters(),
            releases=self,
        )

    def read(self, url: str, etag: str = "") -> File | None:
        self.calls["GET"] += 1
        if url not in self.files:
            raise DownloadFailed(url, code=Trouble.MISSING)
        tag = f'"{hash(self.files[url])}"'
        return None if etag == tag else File(self.files[url], tag)

    def _ec2(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self.calls[operation] += 1
        if operation == "describe_regions":
            return {"Regions": [{"RegionName": region} for region in REGIONS]}
        return {"Images": [shown(image_id) for image_id in arguments["Filters"][0]["Values"]]}

    def current(self, line: str) -> Release | None:
        self.calls["current"] += 1
        return self.held.get(line)

    def record(self, release: Release, seen: Release | None) -> None:
        self.calls["record"] += 1
        self.held[release.line] = release

    def refresh(self) -> tuple[Outcome, Counter[str]]:
        self.calls.clear()
        return run(self.ports, SETTINGS, "eu-west-1", NOW), self.calls.copy()


@pytest.fixture
def outside() -> Counted:
    """Two lines that are published."""
    made = Counted()
    outcome, _ = made.refresh()
    assert [type(each) for each in outcome.decisions] == [Publish, Publish]
    return made


def test_two_feeds_that_have_not_changed_cost_two_requests(outside: Counted) -> None:
    outcome, calls = outside.refresh()
    assert [type(each) for each in outcome.decisions] == [Keep, Keep]
    assert calls == {"GET": 2, "current": 2}


def test_with_verification_and_nothing_new_it_is_at_most_36(outside: Counted) -> None:
    outside.held = {line: replace(release, etag="") for line, release in outside.held.items()}
    outcome, calls = outside.refresh()
    assert [type(each) for each in outcome.decisions] == [Keep, Keep]
    assert calls == {"GET": 6, "describe_regions": 1, "describe_images": 17, "current": 2, "record": 2}
    assert calls.total() <= 36
