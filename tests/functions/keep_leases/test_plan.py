"""What a command of a lease's holder changes; or why it may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keep_leases.plan import cancel, objection, release, renew, repeated
from railyard.model.reasons import Code, Reason
from railyard.model.requests import Request, RequestState
from railyard.wire.requests import Cancel, Release, Renew
from tests.builders import NOW, a_request, fulfilled, reserved

RENEW = Renew(version=1, action="renew", request_id="ci-1", epoch=1)
RELEASE = Release(version=1, action="release", request_id="ci-1", epoch=1)
CANCEL = Cancel(version=1, action="cancel", request_id="ci-1")


def asking(seconds: int | None) -> Renew:
    return Renew(version=1, action="renew", request_id="ci-1", epoch=1, lease_seconds=seconds)


def lease(found: Request | Reason) -> datetime | None:
    assert isinstance(found, Request)
    return found.lease_until


def pair() -> Request:
    """A fulfilled request with two shares on two machines."""
    one = fulfilled().shares[0]
    return fulfilled(count=2, shares=(one, replace(one, index=1, instance_id="i-0000000000000002")))


@pytest.mark.parametrize(
    ("known", "requester", "code"),
    [
        (None, "ci", Code.UNKNOWN_REQUEST),
        (fulfilled(), "thief", Code.NOT_HOLDER),
        (fulfilled(epoch=2), "ci", Code.STALE_EPOCH),
        (a_request(), "ci", Code.STALE_EPOCH),
        (reserved(a_request(epoch=1)), "ci", Code.STALE_EPOCH),
        (fulfilled().expired(NOW), "ci", Code.LEASE_EXPIRED),
        (fulfilled().released(NOW, frozenset({0})), "ci", Code.LEASE_EXPIRED),
        (fulfilled().lost(NOW, "i-0000000000000001", ""), "ci", Code.LEASE_EXPIRED),
    ],
)
def test_only_the_holder_of_the_running_epoch_may_renew_or_release(
    known: Request | None, requester: str, code: Code
) -> None:
    for command in (RENEW, RELEASE):
        why_not = objection(known, requester, command)
        assert why_not is not None
        assert why_not.code is code


def test_the_holder_may() -> None:
    assert objection(fulfilled(), "ci", RENEW) is None


def test_a_thief_does_not_even_learn_whether_the_epoch_was_right() -> None:
    assert objection(fulfilled(epoch=9), "thief", RENEW) == objection(fulfilled(), "thief", RENEW)


def test_a_renewal_counts_from_the_moment_that_it_was_sent() -> None:
    sent = NOW - timedelta(seconds=40)
    assert lease(renew(fulfilled(), asking(3_600), sent, NOW)) == sent + timedelta(hours=1)


def test_a_renewal_of_the_future_counts_from_now() -> None:
    assert lease(renew(fulfilled(), asking(3_600), NOW + timedelta(days=1), NOW)) == NOW + timedelta(hours=1)


def test_without_a_length_it_is_the_requests_own() -> None:
    assert lease(renew(fulfilled(lease_seconds=7_200), RENEW, NOW, NOW)) == NOW + timedelta(hours=2)


def test_no_renewal_is_longer_than_the_pool_allows() -> None:
    known = fulfilled(lease_max_seconds=1_800)
    assert lease(renew(known, asking(86_400), NOW, NOW)) == NOW + timedelta(minutes=30)


def test_a_renewal_never_shortens() -> None:
    known = fulfilled(lease_until=NOW + timedelta(hours=5))
    assert lease(renew(known, asking(60), NOW, NOW)) == NOW + timedelta(hours=5)


def ending(at: datetime, **changes: Any) -> Request:
    """A fulfilled request whose machine ends at *at*."""
    share = fulfilled().shares[0]
    assert share.allocation is not None
    return replace(
        fulfilled(), shares=(replace(share, allocation=replace(share.allocation, ends_at=at)),), **changes
    )


def test_a_renewal_ends_with_the_machine() -> None:
    end = NOW + timedelta(hours=20)
    assert lease(renew(ending(end), asking(86_400), NOW, NOW)) == end


def test_a_machine_at_the_end_of_its_life_is_not_renewed() -> None:
    found = renew(ending(NOW, lease_until=NOW), asking(60), NOW, NOW)
    assert isinstance(found, Reason)
    assert found.code is Code.LEASE_EXPIRED


@given(
    seconds=st.integers(60, 86_400),
    held=st.integers(-100, 90_000),
    end=st.integers(1, 200_000),
    sent=st.integers(-3_600, 3_600),
)
def test_a_renewal_neither_shortens_nor_outlives_its_machine(
    seconds: int, held: int, end: int, sent: int
) -> None:
    until = NOW + timedelta(seconds=min(held, end))
    known = ending(NOW + timedelta(seconds=end), lease_until=until)
    found = renew(known, asking(seconds), NOW + timedelta(seconds=sent), NOW)
    assert until <= (lease(found) or NOW) <= NOW + timedelta(seconds=end)
    assert (lease(found) or NOW) <= max(until, NOW + timedelta(seconds=seconds))


def test_a_renewal_is_acknowledged_only_if_asked() -> None:
    quiet = renew(fulfilled(), RENEW, NOW, NOW)
    loud = renew(
        fulfilled(), Renew(version=1, action="renew", request_id="ci-1", epoch=1, acknowledge=True), NOW, NOW
    )
    assert isinstance(quiet, Request)
    assert isinstance(loud, Request)
    assert (quiet.told == quiet.sequence, loud.told == loud.sequence) == (False, True)


def test_a_release_without_indexes_gives_everything_back() -> None:
    after = release(pair(), RELEASE, NOW)
    assert (after.state, after.shares, after.leased) == (RequestState.RELEASED, (), None)


def test_a_release_of_some_keeps_the_lease_of_the_others() -> None:
    known = pair()
    after = release(
        known, Release(version=1, action="release", request_id="ci-1", epoch=1, indexes=(1, 7)), NOW
    )
    assert (after.state, [s.index for s in after.shares]) == (RequestState.FULFILLED, [0])
    assert after.lease_until == known.lease_until


@pytest.mark.parametrize(
    ("known", "indexes", "again"),
    [
        (fulfilled(), None, False),
        (fulfilled(), (0,), False),
        (fulfilled(), (1,), True),
        (fulfilled().released(NOW, frozenset({0})), None, True),
        (fulfilled().expired(NOW), None, False),
        (fulfilled(epoch=2), (1,), False),
        (fulfilled(requester="other"), (1,), False),
        (None, None, False),
    ],
)
def test_a_release_that_happened_already_is_known_as_such(
    known: Request | None, indexes: tuple[int, ...] | None, *, again: bool
) -> None:
    command = Release(version=1, action="release", request_id="ci-1", epoch=1, indexes=indexes)
    assert repeated(known, "ci", command) is again


def test_a_cancel_that_comes_first_leaves_a_tombstone() -> None:
    after = cancel(None, "ci", CANCEL, NOW)
    assert isinstance(after, Request)
    assert (after.state, after.content, after.requester) == (RequestState.CANCELLED, "", "ci")


@pytest.mark.parametrize("known", [a_request(), reserved(a_request())])
def test_a_waiting_request_is_cancelled(known: Request) -> None:
    after = cancel(known, "ci", CANCEL, NOW)
    assert isinstance(after, Request)
    assert (after.state, after.waiting, after.placed) == (RequestState.CANCELLED, None, 0)


def test_a_cancel_of_a_fulfilled_request_releases_it() -> None:
    after = cancel(pair(), "ci", CANCEL, NOW)
    assert isinstance(after, Request)
    assert after.state is RequestState.RELEASED


def test_a_second_cancel_says_the_same_again() -> None:
    first = cancel(a_request(), "ci", CANCEL, NOW)
    assert isinstance(first, Request)
    second = cancel(first, "ci", CANCEL, NOW + timedelta(seconds=9))
    assert isinstance(second, Request)
    assert second.outbox == first.outbox


def test_a_cancel_of_what_has_ended_changes_nothing() -> None:
    assert cancel(fulfilled().expired(NOW), "ci", CANCEL, NOW) is None


def test_somebody_elses_cancel_is_refused() -> None:
    found = cancel(a_request(), "thief", CANCEL, NOW)
    assert isinstance(found, Reason)
    assert found.code is Code.NOT_HOLDER
