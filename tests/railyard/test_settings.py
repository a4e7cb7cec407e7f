"""Settings survive the way through environment variables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railyard.errors import InvalidSettings
from railyard.settings import from_environ, to_environ


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    name: str
    count: int
    on: bool
    words: tuple[str, ...]
    grace: timedelta = timedelta(minutes=5)


WORDS = st.lists(st.text(st.characters(exclude_characters=",", exclude_categories=["Cs"]), min_size=1)).map(
    tuple
)
KNOBS = st.builds(
    Knobs,
    name=st.text(),
    count=st.integers(),
    on=st.booleans(),
    words=WORDS,
    grace=st.integers(-(10**6), 10**6).map(lambda seconds: timedelta(seconds=seconds)),
)


@given(knobs=KNOBS)
def test_what_is_written_is_read_back(knobs: Knobs) -> None:
    assert from_environ(Knobs, to_environ(knobs)) == knobs


def test_every_wrong_variable_is_named_at_once() -> None:
    with pytest.raises(InvalidSettings) as raised:
        from_environ(Knobs, {"COUNT": "many", "ON": "yes", "WORDS": "", "GRACE_SECONDS": "5m"})
    for name in ("NAME is missing", "COUNT", "ON", "GRACE_SECONDS"):
        assert name in str(raised.value)


def test_a_default_holds_when_the_variable_is_absent() -> None:
    read = from_environ(Knobs, {"NAME": "", "COUNT": "1", "ON": "true", "WORDS": "a,b"})
    assert (read.grace, read.words) == (timedelta(minutes=5), ("a", "b"))
