"""Trials: a release is proven by a machine of the canary pool that has run it for long enough.

A trial is one request for one machine, and what became of it. What is not the image's fault (no capacity, a quota, a
lease that lapsed unseen) starts another attempt; a machine that EC2 refuses to start of it, or finds impaired, or that
dies three times, ends the trial.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from railyard.model.reasons import RETRYABLE, Code
from railyard.model.releases import Candidate
from railyard.model.requests import UNANSWERED, RequestState

MACHINES = 3
"""Machines that may die on a release before it counts as bad: Spot pools take some back, whatever runs there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of the request for a candidate's machine.

    *image* and *since* are those of the machine, once it runs; *healthy* is EC2's status checks, None while they last.
    """

    state: RequestState
    code: str = ""
    detail: str = ""
    image: str = ""
    since: datetime | None = None
    healthy: bool | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """The candidate may be published."""


def tried(
    candidate: Candidate, trial: Trial | None, *, image: str, bake: timedelta, now: datetime
) -> Candidate | Proven:
    """Return *candidate* as its *trial* leaves it, or that it is proven; *image* is what its machine has to run."""
    if candidate.failed or trial is None or trial.state in UNANSWERED:
        return candidate
    match trial.state:
        case RequestState.FULFILLED:
            return _running(candidate, trial, image, bake, now)
        case RequestState.REFUSED | RequestState.TIMED_OUT:
            fault = (
                not trial.code or Code(trial.code) not in RETRYABLE or trial.code == Code.IMAGE_UNAVAILABLE
            )
            if fault:
                return replace(candidate, failed=f"{trial.code}: {trial.detail}")
        case RequestState.LOST if candidate.lost + 1 == MACHINES:
            return replace(candidate, failed=f"{MACHINES} machines died: {trial.detail}")
        case RequestState.LOST:
            candidate = replace(candidate, lost=candidate.lost + 1)
        case _:
            pass  # ended by somebody, or by its lease while nobody looked
    return _again(candidate)


def _running(
    candidate: Candidate, trial: Trial, image: str, bake: timedelta, now: datetime
) -> Candidate | Proven:
    if trial.image != image:
        return _again(candidate)  # launched from an image that was remembered
    if trial.healthy is False:
        return replace(candidate, failed=f"EC2's status checks: {trial.detail}")
    if trial.healthy and trial.since and trial.since + bake <= now:
        return Proven()
    return candidate


def _again(candidate: Candidate) -> Candidate:
    return replace(candidate, attempt=candidate.attempt + 1)
