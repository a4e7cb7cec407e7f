"""The one exception of the model: EC2's own error code, message and HTTP status."""

from __future__ import annotations


class Ec2Error(Exception):
    """What EC2 answers instead of a result; *code* is one of EC2's documented codes."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def not_modelled(what: str) -> Ec2Error:
    """Refuse loudly what EC2 can do and this model cannot, so that nobody relies on silence."""
    return Ec2Error("UnsupportedOperation", f"{what} is not modelled yet.")


def invalid_value(name: str, value: object, why: str = "") -> Ec2Error:
    """Return EC2's answer to a parameter whose value it cannot use."""
    return Ec2Error(
        "InvalidParameterValue", f"Value ({value}) for parameter {name} is invalid. {why}".rstrip()
    )


def missing(name: str) -> Ec2Error:
    """Return EC2's answer to a request without a parameter that it needs."""
    return Ec2Error("MissingParameter", f"The request must contain the parameter {name}")
