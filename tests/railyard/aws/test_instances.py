"""Machines found completely or not at all, and ended however many of them are bad."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local.ec2.timing import PROMPT
from railyard.aws.instances import BATCH, Ec2Instances, sighting
from railyard.errors import Ambiguous, Denied, Gone, RailyardError, Throttled
from tests.bench import Bench, allocate_body, bench
from tests.railyard.aws.stubs import Recorder, refused

IDS = [f"i-{number:017x}" for number in range(8)]


class Refusing:
    """TerminateInstances that fails as a whole when one of *bad* is named."""

    def __init__(self, bad: set[str], code: str) -> None:
        self.ended: list[str] = []
        self.client = Recorder(self._answer)
        self._bad, self._code = bad, code

    def _answer(self, _: str, parameters: dict[str, Any]) -> Any:
        ids = parameters["InstanceIds"]
        if self._bad & set(ids):
            return refused(self._code)
        self.ended += ids
        return {}

    def terminate(self, ids: list[str]) -> dict[str, RailyardError]:
        return Ec2Instances(self.client, "railyard").terminate({"us-east-1a": ids})


def test_one_bad_id_is_found_by_halving_and_the_others_end() -> None:
    ec2 = Refusing({IDS[5]}, "InvalidInstanceID.NotFound")
    (failed,) = ec2.terminate(IDS).items()
    assert (failed[0], type(failed[1])) == (IDS[5], Gone)
    assert sorted(ec2.ended) == [each for each in IDS if each != IDS[5]]
    assert len(ec2.client.calls) == 7


def test_a_throttle_is_not_halved_and_the_rest_waits() -> None:
    ec2 = Refusing(set(IDS), "RequestLimitExceeded")
    failed = ec2.terminate(IDS)
    assert set(failed) == set(IDS)
    assert {type(error) for error in failed.values()} == {Throttled}
    assert len(ec2.client.calls) == 1


def test_a_protected_machine_is_refused_with_ec2s_own_reason() -> None:
    failed = Refusing({IDS[0]}, "OperationNotPermitted").terminate(IDS[:2])
    assert {key: error.code for key, error in failed.items()} == {IDS[0]: "OperationNotPermitted"}


def test_calls_name_machines_of_one_zone_and_at_most_a_hundred() -> None:
    many = [f"i-{number:017x}" for number in range(BATCH + 1)]
    ec2 = Refusing(set(), "")
    Ec2Instances(ec2.client, "railyard").terminate(
        {"us-east-1a": many, "us-east-1b": ["i-b"], "us-east-1c": []}
    )
    assert [len(call["InstanceIds"]) for _, call in ec2.client.calls] == [BATCH, 1, 1]


def page(*ids: str, token: str = "") -> dict[str, Any]:
    made = [
        {
            "InstanceId": each,
            "State": {"Name": "running"},
            "InstanceType": "m7i.large",
            "ImageId": "ami-1",
            "LaunchTime": datetime(2026, 11, 20, 12, 0, 0, 5, tzinfo=UTC),
        }
        for each in ids
    ]
    return {"Reservations": [{"Instances": made}]} | ({"NextToken": token} if token else {})


def test_every_page_is_read() -> None:
    answers = iter([page("i-1", token="two"), page(token="three"), page("i-2", "i-3")])
    client = Recorder(lambda _, __: next(answers))
    found = Ec2Instances(client, "railyard").owned()
    assert [each.instance_id for each in found] == ["i-1", "i-2", "i-3"]
    assert len(client.calls) == 3


def test_a_failing_second_page_is_an_error_and_never_absence() -> None:
    answers = iter([page("i-1", token="two"), refused("InternalError", status=500)])
    with pytest.raises(Ambiguous):
        Ec2Instances(Recorder(lambda _, __: next(answers)), "railyard").owned()


def test_only_machines_of_this_stack_and_of_a_pool_are_ours() -> None:
    client = Recorder(lambda _, __: page())
    Ec2Instances(client, "railyard").owned()
    assert client.calls[0][1]["Filters"] == [
        {"Name": "tag:railyard:stack", "Values": ["railyard"]},
        {"Name": "tag-key", "Values": ["railyard:pool"]},
    ]


def test_ids_are_looked_up_by_filter_so_that_an_unknown_one_is_only_absent() -> None:
    client = Recorder(lambda _, __: page())
    Ec2Instances(client, "railyard").look([f"i-{n}" for n in range(201)])
    sizes = [len(call["Filters"][0]["Values"]) for _, call in client.calls]
    assert sizes == [200, 1]
    assert all("InstanceIds" not in call for _, call in client.calls)


def test_a_lookup_that_is_denied_says_so() -> None:
    with pytest.raises(Denied):
        Ec2Instances(Recorder(lambda _, __: refused("UnauthorizedOperation")), "railyard").look(["i-1"])


def test_a_bare_instance_is_read_with_what_is_missing_left_empty() -> None:
    seen = sighting(page("i-1")["Reservations"][0]["Instances"][0])
    assert (seen.market, seen.architecture, seen.availability_zone) == ("on-demand", "amd64", "")
    assert seen.launched_at == datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def stand() -> Iterator[Bench]:
    """A bench whose EC2 shows everything at once."""
    with bench(timing=PROMPT) as made:
        yield made


def test_machines_are_found_by_launch_and_end_although_one_id_is_unknown(stand: Bench) -> None:
    stand.ask(allocate_body(count=2, sharing="exclusive"))
    stand.pass_time(seconds=1)
    machines = Ec2Instances(stand.client, "railyard")
    owned = machines.owned()
    assert owned
    launch_id = owned[0].tags["railyard:launch"]
    assert {each.instance_id for each in machines.of_launch(launch_id)} == {e.instance_id for e in owned}
    ids = [each.instance_id for each in owned]
    failed = machines.terminate({"us-east-1a": [*ids, "i-0123456789abcdef0"]})
    assert {key: error.code for key, error in failed.items()} == {
        "i-0123456789abcdef0": "InvalidInstanceID.NotFound"
    }
    assert stand.alive() == []


def test_machines_of_another_stack_are_not_ours(stand: Bench) -> None:
    stand.ask(allocate_body())
    assert Ec2Instances(stand.client, "another").owned() == ()


def checks(instance: str, system: str) -> Recorder:
    """EC2 with those two words about one machine."""
    said = {"InstanceStatus": {"Status": instance}, "SystemStatus": {"Status": system}}
    return Recorder(lambda _, __: {"InstanceStatuses": [said]})


@pytest.mark.parametrize(
    ("instance", "system", "expected"),
    [
        ("ok", "ok", True),
        ("initializing", "initializing", None),
        ("ok", "initializing", None),
        ("ok", "insufficient-data", None),
        ("impaired", "ok", False),
        ("initializing", "impaired", False),
    ],
)
def test_a_machine_is_healthy_only_when_both_checks_say_so(
    instance: str, system: str, expected: bool | None
) -> None:
    healthy, words = Ec2Instances(checks(instance, system), "railyard").health(IDS[0])
    assert healthy is expected
    assert words


def test_of_a_machine_that_ec2_does_not_show_nobody_knows_the_health() -> None:
    client = Recorder(lambda _, __: {"InstanceStatuses": []})
    assert Ec2Instances(client, "railyard").health(IDS[0])[0] is None
