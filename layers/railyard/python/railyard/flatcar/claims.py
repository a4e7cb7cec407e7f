"""What a place says about a release: a claim, which EC2 has to confirm."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from railyard.flatcar.sources import Place


class Signature(StrEnum):
    """What is known about who signed a claim."""

    VERIFIED = "verified"
    UNAVAILABLE = "unavailable"  # nobody gave us a key
    NOT_PUBLISHED = "not_published"  # this place has none


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a place says: an image in each region. *version* is empty where the place names none."""

    place: Place
    architecture: str
    version: str
    images: dict[str, str]
    signature: Signature
    signer: str = ""
    etag: str = ""
