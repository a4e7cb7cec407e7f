"""Clients and tables for tests of the adapters: boto3-shaped, and no stricter or laxer than what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError


def refused(code: str, operation: str = "Call", status: int = 400) -> ClientError:
    """What boto3 raises when AWS answers with *code*."""
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


class Recorder:
    """A client whose every call is noted and answered by *answer(operation, parameters)*."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], Any]) -> None:
        self._answer = answer
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            self.calls.append((name, parameters))
            answer = self._answer(name, parameters)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class Paginated:
    """Gives *call(operation, parameters)* the paginators of boto3."""

    def __init__(self, call: Callable[[str, dict[str, Any]], dict[str, Any]]) -> None:
        self._call = call
        self.pages = 0

    def get_paginator(self, operation: str) -> Any:
        outer = self

        class Paginator:
            def paginate(
                self,
                PaginationConfig: dict[str, int] | None = None,  # noqa: N803
                **parameters: Any,
            ) -> Iterator[Any]:
                asked = parameters | (
                    {"MaxResults": PaginationConfig["PageSize"]} if PaginationConfig else {}
                )
                while True:
                    page = outer._call(operation, asked)
                    outer.pages += 1
                    yield page
                    if not page.get("NextToken"):
                        return
                    asked["NextToken"] = page["NextToken"]

        return Paginator()


def a_table(name: str, key: str, sort: str = "") -> Any:
    """Make a table in moto and return the client."""
    dynamodb = boto3.client("dynamodb", region_name="us-east-1")
    schema: Any = [{"AttributeName": key, "KeyType": "HASH"}]
    schema += [{"AttributeName": sort, "KeyType": "RANGE"}] if sort else []
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=schema,
        AttributeDefinitions=[
            {"AttributeName": each["AttributeName"], "AttributeType": "S"} for each in schema
        ],
    )
    return dynamodb
