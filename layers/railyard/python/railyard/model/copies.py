"""The account's own copies of public images: who made one, of what, and the order for one.

A copy is found by its tags, which its birth gave it, never by its name.
"""

from __future__ import annotations

from dataclasses import dataclass

from railyard.model import ownership
from railyard.model.images import Image

HOME = "railyard:home"
"""The region of the deployment that made it: one of the same name elsewhere has other records."""
LINE = "railyard:line"
RELEASE = "railyard:release"
COPY_OF = "railyard:copy-of"
VERIFIED = "railyard:verified"
"""What is known of the signature of the file that named the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """The deployment whose copies are meant: its *stack*, and its *home* region."""

    stack: str
    home: str

    @property
    def tags(self) -> dict[str, str]:
        """What all of its copies carry."""
        return {ownership.STACK: self.stack, HOME: self.home}


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """An image of the account's own. *source* is the image that it is a copy of, empty for none of ours."""

    image: Image
    source: str
    tags: dict[str, str]

    @property
    def image_id(self) -> str:
        """Its own id."""
        return self.image.image_id

    @property
    def age(self) -> tuple[str, str]:
        """What sorts the oldest first."""
        return self.image.created_at, self.image.image_id

    def made_by(self, maker: Maker) -> bool:
        """Tell whether it is a copy, and *maker*'s."""
        return bool(self.source) and maker.tags.items() <= self.tags.items()

    def of(self, line: str, release: str) -> bool:
        """Tell whether it was made for *release* of *line*."""
        return (self.tags.get(LINE), self.tags.get(RELEASE)) == (line, release)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOrder:
    """A copy to be made of *source*, within its *region*; the same *token* again makes no other."""

    region: str
    source: str
    name: str
    token: str
    tags: dict[str, str]

    @property
    def key(self) -> str:
        """What it is told by."""
        return f"{self.region}/{self.source}"
