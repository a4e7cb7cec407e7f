"""Three ways to ask: the model itself, the model through boto3 and HTTP, and plain moto for comparison.

A test that speaks through ``World.call`` is asked every way. Plain moto cannot be told what the world's hand
tells our model (capacity, death, time): PROMISES.md says which tests need that hand, and where moto answers
otherwise than EC2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError

from local.ec2 import Ec2Error
from local.identity import ACCOUNT

Ask = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
"""Answers (region, operation, parameters) in boto3's shape, or raises Ec2Error."""


class Boto3:
    """Asks through unmodified boto3; *client* makes the client of a region."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._make = client
        self._clients: dict[str, Any] = {}

    def __call__(self, region: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Call the client's method of *operation*."""
        if region not in self._clients:
            self._clients[region] = self._make(region)
        try:
            answer: dict[str, Any] = getattr(self._clients[region], xform_name(operation))(**parameters)
        except ClientError as error:
            told = error.response["Error"]
            raise Ec2Error(told["Code"], told["Message"]) from error
        answer.pop("ResponseMetadata")
        return answer


class Moto:
    """Where a test would find our model, when it asks plain moto."""

    def add_image(self, region: str, image: Mapping[str, Any]) -> None:
        """Give moto an image under an id of our choice, which no API can."""
        from moto.ec2.models import ec2_backends
        from moto.ec2.models.amis import Ami

        backend: Any = ec2_backends[ACCOUNT][region]
        backend.amis[image["ImageId"]] = Ami(
            backend,
            ami_id=image["ImageId"],
            name=image["Name"],
            owner_id=image["OwnerId"],
            public=image["Public"],
            architecture=image["Architecture"],
            root_device_name=image["RootDeviceName"],
            root_device_type=image["RootDeviceType"],
            virtualization_type=image["VirtualizationType"],
            creation_date=datetime.fromisoformat(image["CreationDate"]),
        )

    def advance(self) -> None:
        """Do nothing: in moto everything has happened already."""
