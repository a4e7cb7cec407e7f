"""Everything that can go wrong, by who has to act.

::

    RailyardError
    ├── InvalidSettings       the deployment is wrong    -> crash at start, alarm
    ├── InvalidRequest        the caller is wrong        -> answer with code and path, acknowledge, never retry
    ├── LimitExceeded         the plan is implausible    -> do nothing, say the counts
    ├── CapacityUnavailable   AWS has none right now     -> the next offer; none left: wait
    ├── QuotaExceeded         the account may not more   -> wait, tell the operator
    ├── Conflict              someone changed it first   -> leave it, the next run reads again
    ├── Gone                  it is not there any more   -> success for reaping
    ├── Throttled             AWS asks for patience      -> later, nothing is counted against a request
    ├── ImageUnavailable      the image cannot launch    -> wait for a better one
    ├── Denied                IAM says no                -> tell the operator
    └── Ambiguous             nobody knows if it happened-> look before you repeat

An expected "no" (no type fits, the pool is full) is a value with a reason, not one of these.
"""

from __future__ import annotations


class RailyardError(Exception):
    """Root of the taxonomy; *code* is AWS's own code when AWS spoke, else ours."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code or type(self).__name__


class InvalidSettings(RailyardError):
    """The environment does not make valid settings."""


class InvalidRequest(RailyardError):
    """A document breaks its contract; *path* points at the wrong field, ``None`` at the whole."""

    def __init__(self, message: str, *, code: str = "invalid_request", path: str | None = None) -> None:
        super().__init__(message, code=code)
        self.path = path


class LimitExceeded(RailyardError):
    """A plan is larger than anything plausible."""


class CapacityUnavailable(RailyardError):
    """AWS has no capacity of that type there, now."""


class QuotaExceeded(RailyardError):
    """The account's quota is used up."""


class Conflict(RailyardError):
    """A condition failed: the item is not as it was read."""


class Gone(RailyardError):
    """The thing does not exist (any more)."""


class Throttled(RailyardError):
    """AWS asked for patience; the call had no effect."""


class ImageUnavailable(RailyardError):
    """The image is missing, private or not launchable."""


class Denied(RailyardError):
    """IAM or the account forbids the call."""


class Ambiguous(RailyardError):
    """The call may or may not have taken effect: a lost response, or an internal error of AWS."""
