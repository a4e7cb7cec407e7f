"""Settings cross from infra to a Lambda as environment variables; one dataclass describes both ends.

infra builds the dataclass (CDK tokens are strings and pass through) and writes ``to_environ``; the function's
door reads ``from_environ``. A renamed or missing knob is then a type error at synth, not a page at night.

Field types: ``str int bool timedelta tuple[str, ...]``. A ``timedelta`` travels as whole seconds in ``NAME_SECONDS``,
a tuple as comma-separated words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from typing import Any, TypeVar, get_type_hints

from railyard.errors import InvalidSettings

S = TypeVar("S")


def to_environ(settings: Any) -> dict[str, str]:
    """Write a settings dataclass as environment variables."""
    hints = get_type_hints(type(settings))
    return {
        _name(field, hints[field.name]): _write(getattr(settings, field.name)) for field in fields(settings)
    }


def from_environ(kind: type[S], environ: Mapping[str, str]) -> S:
    """Read a settings dataclass of type *kind*; raises InvalidSettings naming every wrong variable."""
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for field in fields(kind):  # type: ignore[arg-type]  # a dataclass type, which TypeVar cannot say
        name = _name(field, hints[field.name])
        if name not in environ:
            if field.default is MISSING and field.default_factory is MISSING:
                wrong.append(f"{name} is missing")
            continue
        try:
            values[field.name] = _read(hints[field.name], environ[name])
        except (ValueError, TypeError, KeyError):
            wrong.append(f"{name} is not a {hints[field.name]}: {environ[name]!r}")
    if wrong:
        raise InvalidSettings(f"{kind.__module__}: " + "; ".join(wrong))
    return kind(**values)


def _name(field: Field[Any], hint: Any) -> str:
    return field.name.upper() + ("_SECONDS" if hint is timedelta else "")


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return str(int(value.total_seconds()))
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


def _read(hint: Any, text: str) -> Any:
    if hint is str:
        return text
    if hint is int:
        return int(text)
    if hint is bool:
        return {"true": True, "false": False}[text]
    if hint is timedelta:
        return timedelta(seconds=int(text))
    if hint == tuple[str, ...]:
        return tuple(word for word in text.split(",") if word)
    raise TypeError(hint)
