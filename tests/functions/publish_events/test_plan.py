"""What a committed change has to say, and to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from publish_events.plan import words
from railyard.model.requests import Request
from tests.builders import NOW, a_request, fulfilled


def kinds(request: Request) -> list[str]:
    return [word.detail_type for word in words(request)]


def test_a_write_says_its_outbox_as_it_stands() -> None:
    request = fulfilled()
    (word,) = words(request)
    assert (word.body, word.requester) == (request.answer, "ci")


def test_a_later_write_does_not_repeat_what_an_earlier_one_said() -> None:
    assert words(fulfilled().renewed(NOW + timedelta(hours=1), NOW, acknowledge=False)) == ()


def test_a_request_that_only_waits_says_nothing() -> None:
    assert words(a_request()) == ()


def test_each_event_has_its_own_kind() -> None:
    done = fulfilled()
    assert kinds(done) == ["Allocation Fulfilled"]
    assert kinds(done.expired(NOW)) == ["Allocation Expired"]
    assert kinds(done.renewed(NOW, NOW, acknowledge=True)) == ["Allocation Renewed"]
    assert kinds(a_request().timed_out(NOW)) == ["Allocation Timed Out"]


def test_who_asked_for_no_reply_is_heard_on_the_bus_alone() -> None:
    (word,) = words(replace(fulfilled(), reply_to=None))
    assert word.requester is None


def test_a_reply_goes_to_the_requester_whatever_name_the_message_gave() -> None:
    (word,) = words(replace(fulfilled(), reply_to="victim"))
    assert word.requester == "ci"
