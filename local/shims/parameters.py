"""SSM parameters of data type ``aws:ec2:image``: AWS answers with a version, then drops what is no image.

moto stores any value. AWS checks it after the answer; here the check is over before the next call, which is kinder, but
what is dropped is dropped as there: the caller was told a version number and has to read back. Every change is an
event on the default bus.
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.utils import unix_time
from moto.events.models import events_backends
from moto.ssm.models import SimpleSystemManagerBackend

from local.ec2 import Ec2Error
from local.shims.security_group import EC2

IMAGE = "aws:ec2:image"
_BACKEND: Any = SimpleSystemManagerBackend


def install() -> None:
    """Check images and tell of changes."""
    if not hasattr(_BACKEND.put_parameter, "checks"):
        _BACKEND.put_parameter = _checking(_BACKEND.put_parameter)
        _BACKEND.delete_parameter = _telling(_BACKEND.delete_parameter)


def _checking(original: Any) -> Any:
    def put_parameter(self: Any, name: str, description: Any, value: str, *rest: Any, **more: Any) -> Any:
        before = list(self._parameters[name])
        stored = original(self, name, description, value, *rest, **more)
        wrong = {}
        if stored.data_type == IMAGE and not _is_image(self.region_name, value):
            wrong = {"exception": "Unable to Describe Resource"}
            self._parameters[name][:] = before
            if not before:
                del self._parameters[name]
        operation = "Update" if before else "Create"
        _tell(
            self,
            name,
            {"operation": operation, "dataType": stored.data_type, "type": stored.parameter_type} | wrong,
        )
        return stored

    put_parameter.checks = True  # type: ignore[attr-defined]  # marks that the shim is in
    return put_parameter


def _telling(original: Any) -> Any:
    def delete_parameter(self: Any, name: str) -> None:
        original(self, name)
        _tell(self, name, {"operation": "Delete"})

    return delete_parameter


def _is_image(region: str, value: str) -> bool:
    if not EC2:
        return True  # no world runs, so this is moto alone in somebody's test
    try:
        EC2[-1].call(region, "DescribeImages", {"ImageIds": [value]})
    except Ec2Error:
        return False
    return True


def _tell(backend: Any, name: str, detail: dict[str, str]) -> None:
    entry = {
        "Source": "aws.ssm",
        "DetailType": "Parameter Store Change",
        "Detail": json.dumps({"name": name, **detail}),
        "Resources": [f"arn:aws:ssm:{backend.region_name}:{backend.account_id}:parameter/{name.lstrip('/')}"],
        "Time": unix_time(),
    }
    events_backends[backend.account_id][backend.region_name].put_events([entry])
