"""Making and taking away the account's own copies of images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from railyard.errors import Gone, RailyardError
from railyard.model.ami_sets import Version
from railyard.model.copies import Copy, CopyOrder, Maker
from railyard.model.releases import Why
from refresh_amis.plan.copying import Copies, aged, clear, in_use
from refresh_amis.plan.deciding import Step
from refresh_amis.ports import Ports

RECORDS = "records"


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What became of copies. *failed* gives the reason by an order's key, a copy's id, or for all records."""

    ordered: tuple[CopyOrder, ...] = ()
    removed: tuple[Copy, ...] = ()
    deferred: int = 0
    failed: Mapping[str, RailyardError] = field(default_factory=dict)


class Copying:
    """The hands of one run, as far as copies go."""

    def __init__(self, ports: Ports, maker: Maker, now: datetime) -> None:
        self._ports, self._maker, self._now = ports, maker, now
        self.outcome = Copied()

    def make(self, steps: Sequence[Step]) -> list[Step]:
        """Order the copies of *steps*, one of each image; a refusal is the reason of its region."""
        orders = {order.key: order for step in reversed(steps) for order in step.copies}
        failed = self._ports.copies.make(orders.values()) if orders else {}
        ordered = tuple(order for key, order in sorted(orders.items()) if key not in failed)
        done = self.outcome
        self.outcome = replace(done, ordered=done.ordered + ordered, failed={**done.failed, **failed})
        return [_told(step, failed) for step in steps]

    def clear(self, copies: Copies) -> None:
        """Take old copies away that no record names any more, as the records are now."""
        old = aged(copies, self._maker, self._now)
        if not old:
            return
        try:
            clearing = clear(old, self._ports.lines.all(), self._versions())
        except RailyardError as error:
            self.outcome = replace(self.outcome, failed={**self.outcome.failed, RECORDS: error})
            return
        failed = self._ports.copies.take_away(clearing.due) if clearing.due else {}
        self.outcome = replace(
            self.outcome,
            removed=tuple(copy for copy in clearing.due if copy.image_id not in failed),
            deferred=clearing.deferred,
            failed={**self.outcome.failed, **failed},
        )

    def _versions(self) -> Iterable[Version]:
        """Return the versions of AMI sets that are in use; raises Gone for one that is not there."""
        wanted = in_use(self._ports.ami_sets.all())
        found = self._ports.ami_sets.versions(wanted) if wanted else {}
        if missing := wanted - found.keys():
            raise Gone(f"versions of AMI sets that are in use are not there: {sorted(missing)}")
        return found.values()


def _told(step: Step, failed: Mapping[str, RailyardError]) -> Step:
    hold = step.after.hold
    refused = {order.region: (failed[order.key].code,) for order in step.copies if order.key in failed}
    if not refused or hold is None or hold.why is not Why.COPYING:
        return step
    return replace(step, after=replace(step.after, hold=replace(hold, regions=hold.regions | refused)))
