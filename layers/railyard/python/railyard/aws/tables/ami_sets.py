"""AMI sets in the table ``ami_sets``, and what pools launch of them, beside the pools in the table ``pools``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from railyard.aws.errors import translated
from railyard.aws.tables.items import Item, decode, tagged
from railyard.aws.tables.writes import Write, commit, drop, get_many, put, scan
from railyard.model.ami_sets import DEPLOYMENT, HEAD, AmiSet, Audit, Change, Deployment, Version, version_part
from railyard.model.pools import DEFINITION

ENTRIES = "audit#"
BATCH = 100
"""Items of one BatchGetItem. Source: DynamoDB API reference."""


class AmiSets:
    """Sets, their versions and history, and the deployments of pools."""

    def __init__(self, dynamodb: Any, ami_sets_table: str, pools_table: str) -> None:
        self._db, self._sets, self._pools = dynamodb, ami_sets_table, pools_table

    def head(self, name: str) -> AmiSet:
        """Return the set *name*; one that never was is removed, at sequence 0."""
        items = self._get(self._sets, [{"ami_set": name, "part": HEAD}])
        return next((decode(AmiSet, item) for item in items), AmiSet(ami_set=name))

    def all(self) -> list[AmiSet]:
        """Return every set that is not removed, by name."""
        items = (item for item in scan(self._db, self._sets) if item["part"]["S"] == HEAD)
        return sorted(
            (each for each in (decode(AmiSet, item) for item in items) if not each.removed),
            key=lambda each: each.ami_set,
        )

    def versions(self, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], Version]:
        """Return those of the versions *wanted* (set, number) that exist."""
        keys = [{"ami_set": name, "part": version_part(number)} for name, number in sorted(set(wanted))]
        found = (decode(Version, item) for item in self._get(self._sets, keys))
        return {(each.ami_set, each.number): each for each in found}

    def deployments(self, pools: Iterable[str]) -> dict[str, Deployment]:
        """Return what those of *pools* launch that have a deployment."""
        keys = [{"pool": pool, "part": DEPLOYMENT} for pool in sorted(set(pools))]
        found = (decode(Deployment, item) for item in self._get(self._pools, keys))
        return {each.pool: each for each in found}

    def history(
        self, name: str, limit: int, token: Mapping[str, Any] | None = None
    ) -> tuple[list[Audit], Any]:
        """Return a page of the history of the set *name*, newest first, and the token of the next page."""
        more = {"ExclusiveStartKey": token} if token else {}
        with translated("Query"):
            page = self._db.query(
                TableName=self._sets,
                KeyConditionExpression="ami_set = :name AND begins_with(part, :entries)",
                ExpressionAttributeValues={":name": {"S": name}, ":entries": {"S": ENTRIES}},
                ScanIndexForward=False,
                ConsistentRead=True,
                Limit=limit,
                **more,
            )
        return [decode(Audit, item) for item in page["Items"]], page.get("LastEvaluatedKey")

    def commit(self, change: Change) -> None:
        """Do *change*; raises Conflict if the set, or the pool's deployment, is not as it was read."""
        before = change.before if change.before.sequence else None
        writes = [put(self._sets, "ami_set", change.after, over=before)]
        writes += [
            put(self._sets, "ami_set", each, over=None) for each in (change.version, change.audit) if each
        ]
        commit(self._db, [*writes, *self._deployed(change)])

    def check(
        self, before: AmiSet, after: AmiSet, deployments: Iterable[tuple[Deployment, Deployment]]
    ) -> None:
        """Write what EC2 said of a set and of what pools launch of it; raises Conflict.

        The set is written with every deployment: one that was made anew meanwhile has the sequence of the old one.
        """
        changed = [put(self._pools, "pool", shall, over=was) for was, shall in deployments]
        if changed or after != before:
            commit(self._db, [put(self._sets, "ami_set", after, over=before), *changed])

    def _deployed(self, change: Change) -> list[Write]:
        was, shall = change.deployment
        if shall:
            return [put(self._pools, "pool", shall, over=was), self._takes_sets(shall.pool)]
        if was:
            return [drop(self._pools, {"pool": was.pool, "part": DEPLOYMENT}, seen=was)]
        return []

    def _takes_sets(self, pool: str) -> Write:
        """Hold the write to a pool that is there, and that names no images of its own."""
        key = {"pool": tagged(pool), "part": tagged(DEFINITION)}
        alone = "attribute_exists(part) AND (attribute_not_exists(image_ids) OR size(image_ids) = :none)"
        body = {"TableName": self._pools, "Key": key, "ConditionExpression": alone}
        return Write("ConditionCheck", body | {"ExpressionAttributeValues": {":none": tagged(0)}})

    def _get(self, table: str, keys: Sequence[Mapping[str, str]]) -> Iterator[Item]:
        for start in range(0, len(keys), BATCH):
            yield from get_many(self._db, {table: keys[start : start + BATCH]})[table]
