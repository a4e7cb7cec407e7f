"""The hand of the world on instances: interruptions, death, births that fail, failing checks, the console."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from local.ec2 import life, statuses
from local.ec2.errors import Ec2Error
from local.ec2.events import REBALANCE, tell_instance
from local.ec2.hand import Hand
from local.ec2.instance import Instance, Scheduled
from local.ec2.operations import answer
from local.ec2.state import Call
from local.ec2.stillbirth import Doom


class InstanceHand(Hand):
    """The part of the hand that moves instances."""

    def instance(self, instance_id: str) -> Instance:
        """Return the truth about an instance, visible or not; KeyError if there is none."""
        self.advance()
        return self._state.instances[instance_id]

    def instances(self) -> tuple[Instance, ...]:
        """Return the truth about all instances, oldest first."""
        self.advance()
        return tuple(self._state.instances.values())

    def interrupt(self, instance_id: str, notice: timedelta = timedelta(minutes=2)) -> None:
        """Warn a spot instance now and terminate it when the notice has run out."""
        if self.instance(instance_id).pool.market != "spot":
            raise ValueError(f"{instance_id} is no spot instance")
        life.warn_of_interruption(self._state, instance_id, notice)

    def recommend_rebalance(self, instance_id: str) -> None:
        """Send a rebalance recommendation for a spot instance."""
        self.instance(instance_id)
        tell_instance(self._state, REBALANCE, instance_id)

    def die(self, instance_id: str) -> None:
        """Let an instance end by itself, with a Server.* reason."""
        self.instance(instance_id)
        life.end(self._state, instance_id, life.BY_FAILURE)

    def shut_down(self, instance_id: str) -> None:
        """Shut a running instance down from within: it stops or terminates, as it was told at its launch."""
        instance = self.instance(instance_id)
        if instance.state != "running":
            raise ValueError(f"{instance_id} is {instance.state}")
        life.shut_down(self._state, instance)

    def fail_births(
        self,
        code: str = "Server.InternalError",
        *,
        instance_type: str | None = None,
        zone: str | None = None,
        market: str | None = None,
        count: int | None = None,
        share: float = 1.0,
    ) -> None:
        """Let launches to come die at birth with the StateReason *code* (one of ``stillbirth.REASONS``).

        It strikes those of the type, zone and market named: the next *count* of them or all (None), each or a
        *share* of them that the seed chooses.
        """
        doom = Doom(code=code, instance_type=instance_type, zone=zone, market=market, share=share, left=count)
        self._state.stillbirths.add(doom)

    def mend_births(self) -> None:
        """Let every launch to come succeed again."""
        self._state.stillbirths.clear()

    def impair(self, instance_id: str, check: str = "system") -> None:
        """Let a status check of an instance fail from now on: ``system``, ``instance`` or ``attached-ebs``."""
        statuses.impair(self._state, self.instance(instance_id), check, self._state.now)

    def mend(self, instance_id: str, check: str = "system") -> None:
        """Let a status check of an instance pass again."""
        statuses.impair(self._state, self.instance(instance_id), check, None)

    def schedule_event(
        self,
        instance_id: str,
        code: str,
        not_before: datetime,
        *,
        not_after: datetime | None = None,
        description: str = "The instance is running on degraded hardware",
    ) -> str:
        """Schedule what AWS does to an instance (``statuses.CODES``) at *not_before*; return the event's id."""
        event = Scheduled(code=code, description=description, not_before=not_before, not_after=not_after)
        return statuses.schedule(self._state, self.instance(instance_id), event)

    def write_console(self, instance_id: str, text: str) -> None:
        """Let an instance write *text* to its console."""
        instance = self.instance(instance_id)
        self._state.put_instance(replace(instance, console=instance.console + text))

    def call_later(
        self, region: str, operation: str, parameters: Mapping[str, Any], after: timedelta
    ) -> None:
        """Let a call take effect *after* now, with nobody to hear its answer or its refusal."""

        def act(_: datetime) -> None:
            with suppress(Ec2Error):
                answer(Call(self._state, region, operation, parameters))

        self.advance()
        self._state.agenda.at(self._state.now + after, act)
