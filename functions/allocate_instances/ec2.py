"""The adapter of launching: fleets, listings by launch tag, and pointers to ourselves, behind one port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from railyard.aws.fleets import Fleets
from railyard.aws.instances import Ec2Instances
from railyard.aws.queues import Pointers
from railyard.model.fleets import FleetAnswer, Machine
from railyard.model.launches import Launch


class Ec2Launches:
    """EC2 and the wake queue, as launching needs them."""

    def __init__(self, fleets: Fleets, instances: Ec2Instances, pointers: Pointers) -> None:
        self._fleets, self._instances, self._pointers = fleets, instances, pointers

    def launch(self, launch: Launch) -> FleetAnswer:
        """Make the call of *launch*."""
        return self._fleets.launch(launch)

    def started(self, launch_id: str) -> Sequence[Machine]:
        """List what *launch_id* started, dead ones included."""
        return [
            Machine(
                instance_id=each.instance_id,
                instance_type=each.instance_type,
                availability_zone=each.availability_zone,
                market=each.market,
            )
            for each in self._instances.of_launch(launch_id)
        ]

    def forget(self, template: str) -> None:
        """Make *template* anew next time."""
        self._fleets.forget(template)

    def wake(self, pointers: Iterable[Mapping[str, Any]], *, delay_seconds: int) -> None:
        """Send pointers to ourselves."""
        self._pointers.send(pointers, delay_seconds=delay_seconds)
