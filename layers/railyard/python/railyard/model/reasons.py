"""Why a request was not served: the codes of the contract, and which of them may pass by themselves."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from enum import StrEnum


class Code(StrEnum):
    """Stable codes in answers. They may grow; they never change meaning."""

    INVALID_REQUEST = "invalid_request"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNSUPPORTED_ACTION = "unsupported_action"
    TOO_LARGE = "too_large"
    REQUEST_ID_CONFLICT = "request_id_conflict"
    UNKNOWN_POOL = "unknown_pool"
    NOT_ALLOWED = "not_allowed"
    UNKNOWN_REQUEST = "unknown_request"
    STALE_EPOCH = "stale_epoch"
    NOT_HOLDER = "not_holder"
    LEASE_EXPIRED = "lease_expired"
    CANCELLED = "cancelled"
    RESOURCES_EXHAUSTED = "resources_exhausted"
    IMAGE_UNAVAILABLE = "image_unavailable"
    INSUFFICIENT_CAPACITY = "insufficient_capacity"
    QUOTA = "quota"
    BUDGET = "budget"
    POOL_LIMIT = "pool_limit"
    REQUESTER_QUOTA = "requester_quota"
    LAUNCH_DENIED = "launch_denied"
    PAUSED = "paused"
    TIMED_OUT = "timed_out"


RETRYABLE = frozenset(
    {
        Code.IMAGE_UNAVAILABLE,
        Code.INSUFFICIENT_CAPACITY,
        Code.QUOTA,
        Code.BUDGET,
        Code.POOL_LIMIT,
        Code.REQUESTER_QUOTA,
        Code.PAUSED,
        Code.TIMED_OUT,
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """A refusal in the words of the contract: *path* points at the wrong field, *tried* lists offers refused."""

    code: Code
    message: str
    _: KW_ONLY
    path: str | None = None
    tried: tuple[str, ...] = ()
    final: bool = False
    """Waiting would not help, although the same request may succeed once somebody has acted."""

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later, unchanged."""
        return self.code in RETRYABLE
