"""Texts of a policy: wildcards, policy variables, ARNs.

Source: IAM user guide, "Policy variables" and "IAM JSON policy elements: Resource" (January 2026): ``*`` and ``?`` stay
within a part of an ARN between colons, except in its last part; ``*`` takes in ``/``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Context = Mapping[str, tuple[str, ...]]
"""Condition keys in lower case; a key that this request lacks has no values, one that is absent is not modelled."""

Text = Callable[[str], str]
VARIABLE = re.compile(r"\$\{([^}]*)\}")
COLON = re.compile(r":(?![^{]*\})")
TAG = "aws:principaltag/"


class NotModelled(Exception):
    """A policy says what this evaluator does not know."""


def values(key: str, context: Context) -> tuple[str, ...]:
    """Return the request's values of a condition key; raises NotModelled."""
    name = key.lower()
    if name not in context and not name.startswith(TAG):
        raise NotModelled(f"condition key {key}")
    return context.get(name, ())


def filled(written: str, context: Context | None) -> str | None:
    """Return *written* with its variables replaced; nothing if one has no value. Without *context* nothing is one."""
    return _joined(written, context, str, str)


def like(written: str, context: Context | None) -> re.Pattern[str] | None:
    """Return what *written* matches: ``*`` any characters, ``?`` one."""
    text = _joined(written, context, _wild, re.escape)
    return None if text is None else re.compile(text, re.DOTALL)


def arn(written: str, context: Context | None) -> re.Pattern[str] | None:
    """Return the ARNs that *written* matches."""
    *parts, last = COLON.split(written, maxsplit=5)
    texts = [_joined(part, context, _wild_within, re.escape) for part in parts]
    known = [text for text in (*texts, _joined(last, context, _wild, re.escape)) if text is not None]
    return re.compile(":".join(known), re.DOTALL) if len(known) > len(parts) else None


def _wild(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


def _wild_within(text: str) -> str:
    return re.escape(text).replace(r"\*", "[^:]*").replace(r"\?", "[^:]")


def _joined(written: str, context: Context | None, plain: Text, inserted: Text) -> str | None:
    """Return *written* with *plain* applied to what stands there and *inserted* to the values of its variables."""
    if context is None:
        return plain(written)
    pieces = VARIABLE.split(written)  # text, variable, text, ...
    for at in range(1, len(pieces), 2):
        value = _value(pieces[at], context)
        if value is None:
            return None
        pieces[at] = inserted(value)
    pieces[::2] = [plain(piece) for piece in pieces[::2]]
    return "".join(pieces)


def _value(variable: str, context: Context) -> str | None:
    if variable in ("*", "?", "$"):
        return variable
    name, _, default = variable.partition(",")
    found = values(name.strip(), context)
    return found[0] if found else (default.strip().strip("'") if default else None)
