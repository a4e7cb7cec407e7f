"""SSM parameters: written only when they differ, and read back, because success of a put proves nothing.

For data type ``aws:ec2:image`` SSM validates after it has answered, and drops a bad value silently.
Source: Systems Manager user guide, "Using native parameter support for AMIs".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from railyard.aws.errors import translated
from railyard.aws.regions import in_each
from railyard.errors import RailyardError

IMAGE = "aws:ec2:image"
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
_NAMES = 10
"""Names of one GetParameters. Source: Systems Manager API reference."""


class Parameters:
    """Parameters in any region."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        """*client* returns the SSM client of a region."""
        self._client = client

    def publish(
        self, values: Mapping[str, Mapping[str, str]], images: frozenset[str]
    ) -> dict[str, Mapping[str, str] | RailyardError]:
        """Put *values* (region -> name -> value) where they differ; return what each region shows afterwards.

        Names in *images* get the data type that EC2 resolves. A region that failed gets its error.
        """
        return in_each(values, lambda region, named: self._publish(region, named, images))

    def everywhere(self, names: Mapping[str, Sequence[str]]) -> dict[str, Mapping[str, str] | RailyardError]:
        """Read *names* in every region of them at once; a region that did not answer gets its error."""
        return in_each(names, self.read)

    def read(self, region: str, names: Sequence[str]) -> dict[str, str]:
        """Return the values of those *names* that exist in *region*."""
        found: dict[str, str] = {}
        for start in range(0, len(names), _NAMES):
            with translated(f"GetParameters in {region}"):
                answer = self._client(region).get_parameters(Names=list(names[start : start + _NAMES]))
            found |= {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
        return found

    def _publish(self, region: str, values: Mapping[str, str], images: frozenset[str]) -> Mapping[str, str]:
        names = sorted(values)
        there = self.read(region, names)
        changed = [name for name in names if there.get(name) != values[name]]
        for name in changed:
            with translated(f"PutParameter {name} in {region}"):
                self._client(region).put_parameter(
                    Name=name,
                    Value=values[name],
                    Type="String",
                    Overwrite=True,
                    DataType=IMAGE if name in images else "text",
                )
        return self._read_back(region, values) if changed else there

    def _read_back(self, region: str, values: Mapping[str, str]) -> Mapping[str, str]:
        """Read until SSM shows *values*, or for some seconds: it validates images after it has answered."""
        shown = self.read(region, sorted(values))
        for pause in _PAUSES:
            if shown == values:
                break
            time.sleep(pause)
            shown = self.read(region, sorted(values))
        return shown
