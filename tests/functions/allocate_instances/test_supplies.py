"""Images: by pool, remembered for a while, and read again when EC2 has none of that id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from allocate_instances import handler as door
from allocate_instances.serving import MAX_ROUNDS
from allocate_instances.settings import Settings
from allocate_instances.supplies import Supplies
from local.ec2.timing import PROMPT
from railyard.aws.images import Ec2Images
from railyard.aws.parameters import Parameters
from railyard.model.ami_sets import Deployment, Follow
from railyard.model.reasons import Code
from tests.bench import REGION, Bench, allocate_body, bench
from tests.builders import NOW, a_catalogue, a_pool
from tests.functions.doors import required
from tests.local.ec2.builders import an_image
from tests.railyard.aws.stubs import Recorder, refused

MINUTE = timedelta(minutes=1)
CANARY, DEFAULT = a_pool("canary", architectures=("amd64",)), a_pool(architectures=("amd64",))
BOTH = a_pool("both")
OLD, NEW = "ami-00000001", "ami-00000003"


class Store(Recorder):
    """SSM with these values, by ``architecture/kind``."""

    def __init__(self, **values: str) -> None:
        super().__init__(self._found)
        self.values = {name.replace("_", "/"): value for name, value in values.items()}

    def _found(self, operation: str, asked: dict[str, Any]) -> Any:
        assert operation == "get_parameters"
        assert 1 <= len(asked["Names"]) <= 10
        there = {f"/railyard/flatcar/stable/{name}": value for name, value in self.values.items()}
        return {"Parameters": [{"Name": n, "Value": there[n]} for n in asked["Names"] if n in there]}


def supplies(
    store: Store, memory: timedelta = MINUTE, canary_pool: str = "canary", ec2: Recorder | None = None
) -> Supplies:
    return Supplies(
        SimpleNamespace(read=a_catalogue),  # type: ignore[arg-type]
        Parameters(lambda _: store),
        Ec2Images(lambda _: ec2 or Recorder(lambda *_: {"Images": []})),
        prefix="/railyard",
        region=REGION,
        memory=memory,
        trust=timedelta(hours=1),
        canary_pool=canary_pool,
    )


def test_the_canary_pool_launches_the_candidate_and_the_others_what_is_current_after_one_call() -> None:
    store = Store(amd64_image="ami-1", amd64_candidate="ami-2")
    found = supplies(store).images([CANARY, DEFAULT], {}, NOW)
    assert found == {"canary": {"amd64": "ami-2"}, "default": {"amd64": "ami-1"}}
    names = ["/railyard/flatcar/stable/amd64/candidate", "/railyard/flatcar/stable/amd64/image"]
    assert store.calls == [("get_parameters", {"Names": names})]


def test_an_architecture_without_a_candidate_is_launched_from_its_current_image() -> None:
    store = Store(amd64_image="ami-1", arm64_image="ami-2", arm64_candidate="ami-3")
    found = supplies(store, canary_pool="both").images([BOTH], {}, NOW)
    assert found == {"both": {"amd64": "ami-1", "arm64": "ami-3"}}


def test_without_a_canary_pool_only_current_images_are_read() -> None:
    store = Store(amd64_image="ami-1", amd64_candidate="ami-2")
    assert supplies(store, canary_pool="").images([DEFAULT], {}, NOW) == {"default": {"amd64": "ami-1"}}
    assert store.calls == [("get_parameters", {"Names": ["/railyard/flatcar/stable/amd64/image"]})]


def test_images_are_remembered_for_a_minute_and_not_longer() -> None:
    store = Store(amd64_image="ami-1")
    known = supplies(store)
    known.images([DEFAULT], {}, NOW)
    store.values["amd64/image"] = "ami-2"
    shown = [known.images([DEFAULT], {}, NOW + timedelta(seconds=s))["default"]["amd64"] for s in (59, 60)]
    assert (shown, len(store.calls)) == (["ami-1", "ami-2"], 2)


def test_another_pool_costs_no_call_and_another_architecture_one() -> None:
    store = Store(amd64_image="ami-1", amd64_candidate="ami-2", arm64_image="ami-3")
    known = supplies(store)
    known.images([DEFAULT], {}, NOW)
    assert known.images([CANARY], {}, NOW) == {"canary": {"amd64": "ami-2"}}
    assert len(store.calls) == 1
    assert known.images([BOTH], {}, NOW) == {"both": {"amd64": "ami-1", "arm64": "ami-3"}}
    assert len(store.calls) == 2


def test_an_image_that_is_not_published_yet_is_not_remembered_as_absent() -> None:
    store = Store()
    known = supplies(store)
    assert known.images([DEFAULT], {}, NOW) == {"default": {}}
    store.values["amd64/image"] = "ami-1"
    assert known.images([DEFAULT], {}, NOW) == {"default": {"amd64": "ami-1"}}


def test_the_door_knows_the_canary_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(amd64_image="ami-1", amd64_candidate="ami-2")
    monkeypatch.setattr(door, "client", lambda *_, **__: store)
    for name in (*required(Settings), "CANARY_POOL"):
        monkeypatch.setenv(name, "canary")
    _, ports = door._wired.__wrapped__()
    assert ports.keywords["supplies"].images([CANARY], {}, NOW) == {"canary": {"amd64": "ami-2"}}


# -- deployed ----------------------------------------------------------------------------------------------

HOUR = timedelta(hours=1)
DEPLOYED = Deployment(
    pool="both",
    ami_set="base",
    number=3,
    follow=Follow.NEVER,
    images={"amd64": "ami-1", "arm64": "ami-2"},
    by="ops",
    at=NOW,
    checked_at=NOW,
)


def shown(**states: str) -> Recorder:
    """EC2 with these images, ``ami_1`` for ``ami-1``; each of the architecture that DEPLOYED has it for."""
    kinds = {"ami-1": "x86_64", "ami-2": "arm64"}
    images = {name.replace("_", "-"): state for name, state in states.items()}
    return Recorder(
        lambda _, asked: {
            "Images": [
                {
                    "ImageId": key,
                    "State": images[key],
                    "Architecture": kinds[key],
                    "VirtualizationType": "hvm",
                    "RootDeviceType": "ebs",
                }
                for key in asked["Filters"][0]["Values"]
                if key in images
            ]
        }
    )


def test_a_pool_launches_what_is_deployed_to_it_and_the_channel_is_not_asked() -> None:
    store, ec2 = Store(amd64_image="ami-9"), shown()
    known = supplies(store, ec2=ec2)
    assert known.images([BOTH], {"both": DEPLOYED}, NOW) == {"both": {"amd64": "ami-1", "arm64": "ami-2"}}
    assert (store.calls, ec2.calls) == ([], [])


def test_a_pool_without_a_deployment_beside_one_with_it_launches_the_channel_s() -> None:
    known = supplies(Store(amd64_image="ami-9"))
    found = known.images([BOTH, DEFAULT], {"both": DEPLOYED}, NOW)
    assert found == {"both": {"amd64": "ami-1", "arm64": "ami-2"}, "default": {"amd64": "ami-9"}}


def test_what_was_confirmed_an_hour_ago_is_asked_about_once_for_the_next_hour() -> None:
    ec2 = shown(ami_1="available", ami_2="deregistered")
    known = supplies(Store(), ec2=ec2)
    for minutes in (60, 61, 119):
        found = known.images([BOTH], {"both": DEPLOYED}, NOW + timedelta(minutes=minutes))
        assert found == {"both": {"amd64": "ami-1"}}
    assert len(ec2.calls) == 1
    known.images([BOTH], {"both": DEPLOYED}, NOW + timedelta(minutes=120))
    assert len(ec2.calls) == 2


def test_what_the_validation_found_bad_is_not_launched() -> None:
    bad = replace(DEPLOYED, defects={"arm64": ("missing",)})
    assert supplies(Store()).images([BOTH], {"both": bad}, NOW) == {"both": {"amd64": "ami-1"}}


def test_an_ec2_that_does_not_answer_takes_nothing_away_and_is_asked_again() -> None:
    ec2 = Recorder(lambda *_: refused("RequestLimitExceeded"))
    known = supplies(Store(), ec2=ec2)
    for _ in range(2):
        assert known.images([BOTH], {"both": DEPLOYED}, NOW + HOUR)["both"] == DEPLOYED.images
    assert len(ec2.calls) == 2


def test_an_x86_image_in_the_place_of_an_arm64_one_is_not_launched() -> None:
    swapped = replace(DEPLOYED, images={"arm64": "ami-1"})
    known = supplies(Store(), ec2=shown(ami_1="available"))
    assert known.images([BOTH], {"both": swapped}, NOW + HOUR) == {"both": {}}


NAMED = replace(BOTH, image_ids={"amd64": "ami-1", "arm64": "ami-2"})


def test_a_pool_launches_the_images_that_it_names_once_ec2_has_confirmed_them_for_an_hour() -> None:
    store, ec2 = Store(amd64_image="ami-9"), shown(ami_1="available", ami_2="deregistered")
    known = supplies(store, ec2=ec2)
    for minutes in (0, 1, 59):
        found = known.images([NAMED], {}, NOW + timedelta(minutes=minutes))
        assert found == {"both": {"amd64": "ami-1"}}
    assert (store.calls, len(ec2.calls)) == ([], 1)
    known.images([NAMED], {}, NOW + HOUR)
    assert len(ec2.calls) == 2


def test_a_pool_that_names_images_beside_one_that_does_not() -> None:
    known = supplies(Store(amd64_image="ami-9"), ec2=shown(ami_1="available", ami_2="available"))
    assert known.images([NAMED, DEFAULT], {}, NOW) == {"both": NAMED.image_ids, "default": {"amd64": "ami-9"}}


def test_what_is_deployed_goes_before_the_images_that_a_pool_names() -> None:
    images = {"amd64": "ami-3", "arm64": "ami-4"}
    known = supplies(Store(), ec2=shown(ami_1="available", ami_2="available"))
    assert known.images([NAMED], {"both": replace(DEPLOYED, images=images)}, NOW) == {"both": images}


def test_an_image_that_ec2_refuses_to_launch_is_asked_about_again() -> None:
    ec2 = shown(ami_1="available", ami_2="available")
    known = supplies(Store(), ec2=ec2)
    known.images([NAMED], {}, NOW)
    known.forget_images()
    known.images([NAMED], {}, NOW)
    assert len(ec2.calls) == 2


# -- on the bench ------------------------------------------------------------------------------------------


def by_image(yard: Bench) -> list[str]:
    return sorted(each.image_id for each in yard.instances().values())


def test_a_machine_of_a_candidate_that_was_given_up_takes_no_newcomers() -> None:
    store = Store(amd64_image=OLD, amd64_candidate=NEW, arm64_image="ami-00000002")
    with bench(timing=PROMPT) as yard:
        yard.ec2.add_image(REGION, an_image(NEW, "x86_64"))
        yard.supplies = supplies(store, canary_pool="default")  # type: ignore[assignment]
        yard.idle_machine()
        assert by_image(yard) == [NEW]
        yard.ask(allocate_body("second"))
        assert by_image(yard) == [NEW]
        yard.lease({"version": 1, "action": "release", "request_id": "second", "epoch": 1})
        store.values["amd64/candidate"] = OLD
        yard.pass_time(seconds=60)
        yard.ask(allocate_body("third"))
        assert by_image(yard) == [OLD, NEW]


def refused_in_part(yard: Bench) -> None:
    yard.ec2.remove_image(REGION, OLD)


def refused_as_a_whole(yard: Bench) -> None:
    def refuse(called: str) -> None:
        if called == "CreateFleet":
            raise refused("InvalidAMIID.NotFound", called)

    yard.client.before = refuse


@pytest.mark.parametrize("refuse", [refused_in_part, refused_as_a_whole])
def test_when_ec2_does_not_have_an_image_it_waits_and_the_next_try_reads_what_is_published(
    refuse: Callable[[Bench], None],
) -> None:
    store = Store(amd64_image=OLD, arm64_image="ami-00000002")
    with bench(timing=PROMPT) as yard:
        yard.ec2.add_image(REGION, an_image(NEW, "x86_64"))
        yard.supplies = supplies(store, memory=timedelta(hours=1))  # type: ignore[assignment]
        refuse(yard)
        yard.ask(allocate_body())
        obstacle = yard.request("ci-1").obstacle
        assert obstacle
        assert (obstacle.code, obstacle.retryable) == (Code.IMAGE_UNAVAILABLE, True)
        assert len(store.calls) == MAX_ROUNDS
        yard.client.before = lambda _: None
        store.values["amd64/image"] = NEW
        yard.pass_time(seconds=60)
        yard.reap()
        yard.follow()
        assert by_image(yard) == [NEW]
