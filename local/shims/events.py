"""Events reach their targets whole, and are sent by AWS.

Without an input transformer moto fills a text template: the account is missing, a ``<id>`` inside a detail
would be replaced, and eight JSON paths are compiled for each delivery. EventBridge delivers the event as it
is, and the queue's message is EventBridge's, whoever put the event.
"""

from __future__ import annotations

from typing import Any

from moto.events.models import Rule
from moto.events.utils import EventTemplateParser

from local import identity

_PARSER: Any = EventTemplateParser
_RULE: Any = Rule


def install() -> None:
    """Deliver events unchanged where the rule asks for nothing else, in the name of AWS."""
    if hasattr(_PARSER.parse, "whole"):
        return
    original, sending = _PARSER.parse, _RULE._send_to_sqs_queue

    def parse(input_template: Any, input_paths_map: Any, event: Any) -> Any:
        if input_template:
            return original(input_template, input_paths_map, event)
        return {name: value for name, value in event.items() if name != "ingestion-time"}

    def send(self: Any, *args: Any, **kwargs: Any) -> None:
        with identity.acting_as(identity.SERVICE):
            sending(self, *args, **kwargs)

    parse.whole = True  # type: ignore[attr-defined]  # marks that the shim is in
    _PARSER.parse = staticmethod(parse)
    _RULE._send_to_sqs_queue = send
