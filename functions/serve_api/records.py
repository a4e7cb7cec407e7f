"""What the API reads, from the tables themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from railyard.aws.errors import translated
from railyard.aws.tables.items import decode
from railyard.aws.tables.ledger import Ledger, Tables
from railyard.errors import InvalidRequest
from railyard.model.instances import Instance
from railyard.model.requests import Request
from serve_api.settings import Settings


class DynamoRecords(Ledger):
    """The ledger, and tables page by page."""

    def __init__(self, dynamodb: Any, settings: Settings) -> None:
        super().__init__(dynamodb, Tables.of(settings))

    def request_page(self, limit: int, token: Mapping[str, Any] | None) -> tuple[list[Request], Any]:
        """Return a page of requests, in no order; refusals of unread messages are not requests."""
        items, following = self._page(self._tables.requests, {"request_id"}, limit, token)
        found = [decode(Request, item) for item in items]
        return [request for request in found if not request.unread], following

    def instance_page(self, limit: int, token: Mapping[str, Any] | None) -> tuple[list[Instance], Any]:
        """Return a page of instances, in no order."""
        items, following = self._page(self._tables.instances, {"instance_id", "part"}, limit, token)
        return [decode(Instance, item) for item in items if item["part"]["S"] == "state"], following

    def _page(
        self, table: str, key: set[str], limit: int, token: Mapping[str, Any] | None
    ) -> tuple[list[Any], Any]:
        """Read a page of *table* after the item that *token* names, by exactly the names in *key*."""
        if token and (set(token) != key or not all(_is_text(value) for value in token.values())):
            raise InvalidRequest("next_token is not one of ours", path="next_token")
        more = {"ExclusiveStartKey": token} if token else {}
        with translated("Scan"):
            page = self._db.scan(TableName=table, Limit=limit, **more)
        return page["Items"], page.get("LastEvaluatedKey")


def _is_text(value: object) -> bool:
    """Whether *value* is DynamoDB's form of a string."""
    return isinstance(value, dict) and list(value) == ["S"] and isinstance(value["S"], str)
