"""Switches where they lie: those of launching and reaping in the table ``pools``, that of images in ``releases``."""

from __future__ import annotations

from typing import Any

from railyard.aws.tables.items import decode
from railyard.aws.tables.writes import commit, put, scan
from railyard.model.switches import SWITCHES, Stops, Switch, part_of


class Switches:
    """Every switch that somebody has touched."""

    def __init__(self, dynamodb: Any, pools_table: str, releases_table: str) -> None:
        self._db, self._pools, self._releases = dynamodb, pools_table, releases_table

    def all(self) -> list[Switch]:
        """Return the switches, by what they stop and where."""
        items = [i for i in scan(self._db, self._pools) if i["part"]["S"].startswith(SWITCHES)]
        items += [i for i in scan(self._db, self._releases) if i["version"]["S"].startswith(SWITCHES)]
        return sorted((decode(Switch, item) for item in items), key=lambda each: (each.stops, each.pool))

    def write(self, switch: Switch, over: Switch | None) -> None:
        """Write *switch* over the one that was read; raises Conflict if somebody was first."""
        images = switch.stops is Stops.IMAGES
        table, key, sort = (self._releases, "line", "version") if images else (self._pools, "pool", "part")
        keys = {key: switch.pool, sort: part_of(switch.stops)}
        commit(self._db, [put(table, key, switch, over=over, also=keys)])
