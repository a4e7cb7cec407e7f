"""What every Describe operation is: a store of things by id, how one shows, filters over that, and pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from local.ec2.errors import Ec2Error
from local.ec2.filters import is_exact, matching, paths
from local.ec2.kinds import NAMELESS, Kind, find
from local.ec2.paging import Key, Limits, Member, page
from local.ec2.state import Answer, Call

T = TypeVar("T")
Index = Callable[[Call, str], Collection[str]]
_USUAL = Limits(5, 1000)


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[T]):
    """One Describe operation: called with a Call it answers.

    *store* holds everything by id; what does not appear yet is left out, and so is what *show* hides (None).
    *filters* are words for ``filters.paths``. The ids that the *kind* is asked for by may not stand beside
    MaxResults if they are to be *alone*; *named* are ids that other parameters name. Things come in *order*, or by
    id. An *index* gives, for a filter's exact value, the ids of every match and perhaps of others.
    """

    member: str
    store: Callable[[Call], Mapping[str, T]]
    show: Callable[[Call, T], Member | None]
    filters: str
    kind: Kind = NAMELESS
    alone: bool = False
    named: Callable[[Call], Iterable[str]] = lambda _: ()
    limits: Limits = _USUAL
    order: Callable[[T], Key] | None = None
    tagged: bool = True
    index: Mapping[str, Index] = field(default_factory=dict)

    def __call__(self, call: Call) -> Answer:
        """Answer *call*."""
        shown, token = self.page(call)
        return {self.member: shown, **token}

    def page(self, call: Call) -> tuple[list[Member], dict[str, str]]:
        """Return what the page shows, and its token."""
        ids, filters = [*call.get(self.kind.asked, ()), *self.named(call)], call.get("Filters", ())
        if ids and self.alone and call.get("MaxResults"):
            message = f"The parameter {self.kind.asked} cannot be used with maxResults"
            raise Ec2Error("InvalidParameterCombination", message)
        passes = matching(filters, paths(self.filters), tagged=self.tagged)
        store, appears = self.store(call), call.state.appears
        find(self.kind, ids, call.state.seen(store))
        chosen = set(ids) if ids else self._candidates(call, filters, store)

        def show(item: tuple[Key, T]) -> Member | None:
            shown = self.show(call, item[1])
            return shown if shown is not None and passes(shown) else None

        order = self.order
        things = ((i, store[i]) for i in chosen if i in store and appears(i))
        items: list[tuple[Key, T]] = [(order(one) if order else i, one) for i, one in things]
        items.sort(key=_key)
        return page(items, call.parameters, self.limits, key=_key, show=show)

    def _candidates(
        self, call: Call, filters: Sequence[Mapping[str, Any]], store: Mapping[str, T]
    ) -> Collection[str]:
        """Return the fewest ids that an index can promise to hold every match."""
        best: Collection[str] = store
        for filter_ in filters if self.index else ():
            name, wanted = str(filter_["Name"]), filter_["Values"]
            if not all(map(is_exact, wanted)):
                continue
            found = [self._indexed(call, name, value) for value in wanted]
            if None not in found and sum(len(ids or ()) for ids in found) < len(best):
                best = {one for ids in found for one in ids or ()}
        return best

    def _indexed(self, call: Call, name: str, value: str) -> Collection[str] | None:
        if name.startswith("tag:"):
            return call.state.tags.holders(name.removeprefix("tag:"), value)
        return self.index[name](call, value) if name in self.index else None


def _key(item: tuple[Key, Any]) -> Any:
    return item[0]


def itself(_: Call, value: str) -> Collection[str]:
    """Return the index of a filter on the id."""
    return (value,)
