"""AMI sets that track a channel, and people who change sets at the same time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from railyard.aws.tables.items import encode
from railyard.model.releases import Placed
from tests.functions.serve_api.memory import a_line
from tests.functions.serve_api.set_memory import HOME, Yard, ami, code, document, image

SET = "/ami-sets/base"


def tracking(channel: str = "stable", **changes: Any) -> dict[str, Any]:
    return {"tracks": {"channel": channel}} | changes


def placed(number: int, line: str = "stable#amd64") -> Any:
    """A line that has ``ami(number)`` in force at home."""
    return a_line(line=line, placed={HOME: Placed(image=ami(number), release="4593.2.5")})


# -- channels ----------------------------------------------------------------------------------------------


def test_a_set_that_tracks_a_channel_begins_with_what_its_lines_have_in_force() -> None:
    yard = Yard(placed(1), placed(2, "stable#arm64"), placed(3, "beta#amd64"))
    body = yard.create(tracking()).body
    assert (body["version"], body["tracks"], body["status"]) == (1, {"channel": "stable"}, "valid")
    assert [(each["architecture"], each["image_id"]) for each in body["images"]] == [
        ("amd64", ami(1)),
        ("arm64", ami(2)),
    ]


def test_the_same_tracking_document_again_is_no_change_although_the_channel_has_moved() -> None:
    yard = Yard(placed(1))
    yard.create(tracking())
    yard.lines.stored["stable#amd64"] = placed(3)
    assert yard.create(tracking()).status == yard.update(tracking(), '"1"').status == 200
    assert yard.update(tracking(description="ours")).body["images"][0]["image_id"] == ami(1)
    assert code(yard.create(tracking("beta"))) == (409, "exists")


def test_a_set_may_wait_for_a_channel_that_has_published_nothing_yet() -> None:
    yard = Yard()
    made = yard.create(tracking("lts-2024"))
    assert (made.status, made.body["images"], made.body["status"]) == (201, [], "unknown")
    assert code(yard.deploy()) == (422, "no_image")
    assert yard.create(tracking("lts-2024")).status == 200
    assert yard.ask("POST", f"{SET}/validate").body["status"] == "unknown"
    yard.update(document(image(1)))
    assert code(yard.roll_back(1)) == (422, "no_image")


def test_a_set_with_images_does_not_lose_them_to_a_channel_that_has_none() -> None:
    yard = Yard()
    yard.create()
    answer = yard.update(tracking("beta"))
    assert (code(answer), answer.body["error"]["path"]) == ((422, "no_image"), "tracks.channel")
    assert yard.see()["version"] == 1


def test_a_set_may_begin_and_stop_to_track() -> None:
    yard = Yard(placed(3))
    yard.create(document(image(1)))
    assert yard.update(tracking()).body["images"][0]["image_id"] == ami(3)
    stopped = yard.update(document(image(3)))
    assert (stopped.body["version"], stopped.body["tracks"]) == (3, None)


def test_a_rollback_of_a_tracking_set_goes_on_tracking() -> None:
    yard = Yard(placed(1))
    yard.create(tracking())
    yard.lines.stored["beta#amd64"] = placed(3, "beta#amd64")
    yard.update(tracking("beta"))
    body = yard.roll_back(1).body
    assert (body["tracks"], body["images"][0]["image_id"]) == ({"channel": "beta"}, ami(1))


# -- others at the same time -------------------------------------------------------------------------------


def test_of_two_editors_who_saw_the_same_one_is_told() -> None:
    yard = Yard()
    yard.create()
    yard.sets.races = [lambda: yard.update(document(image(5)), '"1"', by="arn:bob")]
    assert code(yard.update(document(image(3)), '"1"')) == (412, "precondition_failed")
    assert yard.see()["images"][0]["image_id"] == ami(5)
    assert yard.actions() == ["created", "updated"]


def test_two_editors_with_the_same_wish_are_both_content() -> None:
    yard = Yard()
    yard.create()
    yard.sets.races = [lambda: yard.update(document(image(3)), '"1"', by="arn:bob")]
    assert yard.update(document(image(3)), '"1"').status == 200
    assert yard.actions() == ["created", "updated"]


def test_of_two_creators_one_makes_the_set() -> None:
    yard = Yard()
    yard.sets.races = [lambda: yard.create(document(image(3)))]
    assert code(yard.create(document(image(1)))) == (409, "exists")
    yard.ask("DELETE", SET)
    yard.sets.races = [lambda: yard.create(document(image(3)))]
    assert yard.create(document(image(3))).status == 200


@pytest.mark.parametrize(("races", "status"), [(2, 200), (3, 409)])
def test_a_lost_race_is_run_again_but_not_for_ever_and_ec2_asked_once(races: int, status: int) -> None:
    yard = Yard()
    yard.create(document(image(1)))

    def validated() -> None:
        yard.later(minutes=1)
        yard.ask("POST", f"{SET}/validate")

    others: list[Any] = []
    for _ in range(races):  # each race is followed by the write that it makes itself
        others += [validated, lambda: None]
    yard.sets.races = others
    before = len(yard.images.calls)
    answer = yard.update(document(image(3)), '"1"')
    assert answer.status == status
    assert status == 200 or code(answer) == (409, "conflict")
    assert len(yard.images.calls) - before == 2 + 2 * races


def test_a_removal_that_loses_to_a_deployment_is_refused() -> None:
    yard = Yard()
    yard.create()
    yard.sets.races = [lambda: yard.deploy()]
    assert code(yard.ask("DELETE", SET)) == (409, "deployed")


def test_a_deployment_that_loses_to_a_removal_finds_no_set() -> None:
    yard = Yard()
    yard.create()
    yard.sets.races = [lambda: yard.ask("DELETE", SET)]
    assert code(yard.deploy()) == (404, "unknown_set")
    assert yard.launches() is None


@pytest.mark.parametrize(("races", "status"), [(2, 204), (3, 409)])
def test_a_removal_that_is_overtaken_is_tried_again_but_not_for_ever(races: int, status: int) -> None:
    yard = Yard()
    yard.create()

    def other() -> None:
        head = yard.sets.head("base")
        yard.sets.items["base", "head"] = encode(replace(head, sequence=head.sequence + 1))

    yard.sets.races = [other] * races
    answer = yard.ask("DELETE", SET)
    assert answer.status == status
    assert status == 204 or code(answer) == (409, "conflict")
