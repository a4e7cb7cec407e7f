"""Acknowledging a cdk-nag finding: on the narrowest construct, never without a reason.

cdk-nag keeps silent about an acknowledgement that matches nothing, so ``tests/infra/test_nag.py`` compares
them all with what is really found.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import Construct


def acknowledge(construct: Construct, rule: str, reason: str) -> None:
    """Accept AwsSolutions finding *rule* (``L1``, ``IAM5[Resource::*]``) on *construct* and below."""
    Validations.of(construct).acknowledge(
        Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    )


def acknowledge_wildcard(construct: Construct, arn: str, reason: str) -> None:
    """Accept the wildcard resource *arn* (it may hold tokens) in a policy of *construct*."""
    acknowledge(construct, f"IAM5[Resource::{_flat(Stack.of(construct).resolve(arn))}]", reason)


def _flat(value: Any) -> str:
    """Write a resolved value as cdk-nag does: references in angle brackets."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_flat(part) for part in parts)
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
    return str(value)
