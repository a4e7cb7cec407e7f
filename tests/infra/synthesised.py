"""A synthesised template, read the way the tests ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPLIES = "arn:aws:sqs:us-east-1:123456789012:ci-replies"
TOPIC = "arn:aws:sns:us-east-1:123456789012:pages"


@dataclass(frozen=True, slots=True)
class Synthesised:
    """The stack's template and the folder it lies in."""

    folder: Path
    template: dict[str, Any]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Resources of a type, by logical id."""
        return {key: each for key, each in self.template["Resources"].items() if each["Type"] == kind}

    def properties(self, kind: str) -> list[dict[str, Any]]:
        """Properties of all resources of a type."""
        return [each["Properties"] for each in self.of(kind).values()]

    def function(self, name: str) -> dict[str, Any]:
        """Properties of the function in folder *name*."""
        (found,) = (
            each
            for each in self.properties("AWS::Lambda::Function")
            if each["Handler"] == f"{name}.handler.handler"
        )
        return found

    def queue(self, name: str) -> str:
        """Logical id of the queue *name*."""
        queues = self.of("AWS::SQS::Queue").items()
        (found,) = (key for key, queue in queues if queue["Properties"]["QueueName"] == name)
        return found

    def statements(self, role: str) -> list[dict[str, Any]]:
        """Statements of the role with logical id *role*, actions and resources as lists."""
        policies = self.template["Resources"][role]["Properties"].get("Policies", [])
        return [
            {**each, "Action": as_list(each["Action"]), "Resource": as_list(each["Resource"])}
            for policy in policies
            for each in policy["PolicyDocument"]["Statement"]
        ]

    def statements_of(self, name: str) -> list[dict[str, Any]]:
        """Statements of the role of function *name*."""
        return self.statements(self.function(name)["Role"]["Fn::GetAtt"][0])

    def all_statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every role, with the role."""
        for role in self.of("AWS::IAM::Role"):
            for statement in self.statements(role):
                yield role, statement


def read(folder: Path, stack: str = "railyard") -> Synthesised:
    """Read what was synthesised into *folder*."""
    return Synthesised(folder, json.loads((folder / f"{stack}.template.json").read_text()))


def as_list(value: Any) -> list[Any]:
    """One thing or many, as many."""
    return value if isinstance(value, list) else [value]
