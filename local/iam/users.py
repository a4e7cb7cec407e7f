"""Users' ids as AWS gives them, ``AIDA`` and 17 characters: SenderId, requesters and policies name users by them.

moto gives a user 20 random small letters.
"""

from __future__ import annotations

from typing import Any

from moto.iam.models import User
from moto.iam.utils import generate_access_key_id_from_account_id

_USER: Any = User


def install() -> None:
    """Correct the ids; a second call changes nothing."""
    if hasattr(_USER.__init__, "corrected"):
        return
    original = _USER.__init__

    def create(self: Any, account_id: str, *rest: Any, **more: Any) -> None:
        original(self, account_id, *rest, **more)
        self.id = generate_access_key_id_from_account_id(account_id, prefix="AIDA", total_length=21)

    create.corrected = True  # type: ignore[attr-defined]  # marks that it is in
    _USER.__init__ = create
