"""AWS's error codes by meaning: one table, read before any status code.

Sources: EC2 API reference, "Error codes"; Karpenter's and ParallelCluster's classifications (2026). Codes that are not
listed are client errors of ours (4xx) or, with a 5xx status or without any answer, ambiguous.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from railyard.errors import (
    Ambiguous,
    CapacityUnavailable,
    Conflict,
    Denied,
    Gone,
    ImageUnavailable,
    QuotaExceeded,
    RailyardError,
    Throttled,
)


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


MEANING: dict[type[RailyardError], frozenset[str]] = {
    CapacityUnavailable: _codes(
        """
        InsufficientInstanceCapacity UnfulfillableCapacity InsufficientHostCapacity
        ReservationCapacityExceeded Unsupported VolumeTypeNotAvailableInZone
        InsufficientVolumeCapacity InsufficientFreeAddressesInSubnet SpotMaxPriceTooLow
        """
    ),
    QuotaExceeded: _codes(
        """
        MaxSpotInstanceCountExceeded MaxFleetCountExceeded VcpuLimitExceeded
        InstanceLimitExceeded VolumeLimitExceeded MaxIOPSLimitExceeded PendingVerification
        """
    ),
    Throttled: _codes(
        """
        RequestLimitExceeded Throttling ThrottlingException TooManyRequestsException
        ProvisionedThroughputExceededException RequestThrottled TooManyUpdates
        TransactionConflictException SlowDown
        """
    ),
    Ambiguous: _codes(
        """
        InternalError InternalFailure ServerInternal ServiceUnavailable Unavailable
        InternalServerError
        """
    ),
    ImageUnavailable: _codes("InvalidAMIID.NotFound InvalidAMIID.Unavailable InvalidAMIID.Malformed"),
    Gone: _codes(
        """
        InvalidInstanceID.NotFound InvalidLaunchTemplateId.NotFound
        InvalidLaunchTemplateName.NotFoundException NoSuchKey ParameterNotFound
        ResourceNotFoundException AWS.SimpleQueueService.NonExistentQueue QueueDoesNotExist
        """
    ),
    Denied: _codes(
        """
        UnauthorizedOperation AccessDenied AccessDeniedException AuthFailure OptInRequired
        Blocked AuthFailure.ServiceLinkedRoleCreationNotPermitted
        """
    ),
    Conflict: _codes("ConditionalCheckFailedException IdempotentParameterMismatch"),
}
_BY_CODE = {code: kind for kind, codes in MEANING.items() for code in codes}


def meaning(code: str) -> type[RailyardError]:
    """Return the class of our taxonomy that *code* stands for; RailyardError when it is not listed."""
    return _BY_CODE.get(code, RailyardError)


def translate(error: Exception, call: str) -> RailyardError:
    """Return *error* of botocore, raised by *call*, in our taxonomy: by code first, then by status."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        message = str(error.response.get("Error", {}).get("Message", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        kind = meaning(code)
        if kind is RailyardError and status >= 500:
            kind = Ambiguous
        return kind(f"{call}: {code}: {message}", code=code)
    if isinstance(error, NoConnection | HTTPClientError):
        return Ambiguous(f"{call}: no answer: {error}", code="NoAnswer")
    return RailyardError(f"{call}: {error}")


@contextmanager
def translated(call: str) -> Iterator[None]:
    """Run a block in which botocore's errors become ours; *call* names it in messages."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error, call) from error
