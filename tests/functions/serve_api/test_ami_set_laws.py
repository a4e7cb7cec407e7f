"""Laws of AMI sets: any sequence of what people, EC2 and time do, against a model that fits on a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from railyard.model.ami_sets import audit_hash
from serve_api.calls import Answer
from tests.functions.serve_api.set_memory import HOME, Yard, ami, document, image

NAMES = st.sampled_from(["base", "gpu"])
POOLS = {"default": ("amd64", "arm64"), "ci": ("amd64",)}
Numbers = tuple[int, ...]
"""A content: odd images are amd64, even ones arm64."""
CONTENTS: st.SearchStrategy[Numbers] = st.sampled_from([(1,), (3,), (1, 2), (3, 2), (3, 4), (5, 4)])
VERSIONS = st.integers(1, 5)


@dataclass
class Expected:
    """A set as it has to be."""

    there: bool = False
    versions: list[Numbers] = field(default_factory=list)
    deployed: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    @property
    def content(self) -> Numbers:
        return self.versions[-1]


def written(content: Numbers) -> dict[str, Any]:
    return document(*(image(n, architecture="amd64" if n % 2 else "arm64") for n in content))


class Sets(RuleBasedStateMachine):
    """The API, and what it has to make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.yard = Yard()
        self.expected = {"base": Expected(), "gpu": Expected()}
        self.dead: set[int] = set()
        self.silent = False
        self.confirmed: dict[Numbers, Any] = {}

    # -- the world ---------------------------------------------------------------------------------------

    @rule(number=st.integers(1, 5))
    def an_image_dies_or_comes_back(self, number: int) -> None:
        self.dead ^= {number}
        if number in self.dead:
            del self.yard.images.there[ami(number)]
        else:
            self.yard.make(number, architecture="amd64" if number % 2 else "arm64")

    @rule()
    def ec2_falls_silent_or_speaks(self) -> None:
        self.silent = not self.silent
        self.yard.images.silent = {HOME} if self.silent else set()

    @rule(minutes=st.sampled_from([1, 59, 61]))
    def time_passes(self, minutes: int) -> None:
        self.yard.later(minutes=minutes)

    # -- people ------------------------------------------------------------------------------------------

    @rule(name=NAMES, content=CONTENTS, allow=st.booleans())
    def create(self, name: str, content: Numbers, allow: bool) -> None:
        is_, answer = self.expected[name], self._allowing(allow, "PUT", f"/ami-sets/{name}", written(content))
        if is_.there:
            assert answer.status == (200 if content == is_.content else 409)
        elif self._written(answer, 201, name, content, "created", allow=allow):
            is_.there = True

    @rule(name=NAMES, content=CONTENTS, allow=st.booleans(), stale=st.booleans())
    def update(self, name: str, content: Numbers, allow: bool, stale: bool) -> None:
        is_ = self.expected[name]
        tag = '"0"' if stale else f'"{len(is_.told)}"'
        answer = self._allowing(allow, "POST", f"/ami-sets/{name}/update", written(content), tag)
        if not is_.there:
            assert answer.status == 404
        elif content == is_.content:
            assert answer.status == 200
        elif stale:
            assert answer.status == 412
        else:
            self._written(answer, 200, name, content, "updated", allow=allow)

    @rule(name=NAMES, number=VERSIONS, allow=st.booleans())
    def roll_back(self, name: str, number: int, allow: bool) -> None:
        is_ = self.expected[name]
        answer = self._allowing(allow, "POST", f"/ami-sets/{name}/rollback", {"version": number})
        if not is_.there or number > len(is_.versions):
            assert answer.status == 404
        elif is_.versions[number - 1] == is_.content:
            assert answer.status == 200
        else:
            self._written(answer, 200, name, is_.versions[number - 1], "rolled_back", allow=allow)

    @rule(name=NAMES)
    def remove(self, name: str) -> None:
        is_, answer = self.expected[name], self.yard.ask("DELETE", f"/ami-sets/{name}")
        assert answer.status == (409 if is_.deployed else 204)
        if is_.there and not is_.deployed:
            is_.there = False
            is_.told.append("removed")

    @rule(name=NAMES)
    def validate(self, name: str) -> None:
        is_, answer = self.expected[name], self.yard.ask("POST", f"/ami-sets/{name}/validate")
        assert answer.status == (200 if is_.there else 404)
        if is_.there and not self.silent:
            numbers = {len(is_.versions), *is_.deployed.values()}
            said = {each["version"]: each["status"] for each in answer.body["versions"]}
            assert said == {n: "invalid" if self._dead(is_.versions[n - 1]) else "valid" for n in numbers}
            for number in numbers:
                self._hear(is_.versions[number - 1])

    @rule(name=NAMES, pool=st.sampled_from(sorted(POOLS)), version=st.one_of(st.just("latest"), VERSIONS), follow=st.sampled_from(["now", "never"]))  # fmt: skip
    def deploy(self, name: str, pool: str, version: int | str, follow: str) -> None:
        is_, answer = self.expected[name], self.yard.deploy(version, pool, name, follow=follow)
        number = len(is_.versions) if version == "latest" else int(version)
        if not is_.there or number > len(is_.versions):
            assert answer.status == 404
            return
        content = is_.versions[number - 1]
        if "arm64" in POOLS[pool] and not any(n % 2 == 0 for n in content):
            assert (answer.status, answer.body["error"]["code"]) == (422, "no_image")
            return
        if self.silent:
            assert answer.status == 422 or self.yard.now - self.confirmed[content] <= self._minutes(60)
        elif self._dead(content):
            assert (answer.status, answer.body["error"]["code"]) == (422, "invalid_images")
        else:
            assert answer.status == (409 if self._has_other(pool, name) else 200)
            self._hear(content)
        if answer.status == 200 and self._told(name, "deployed"):
            is_.deployed[pool] = number

    @rule(name=NAMES, pool=st.sampled_from(sorted(POOLS)))
    def withdraw(self, name: str, pool: str) -> None:
        assert self.yard.withdraw(pool, name).status == 204
        if self.expected[name].deployed.pop(pool, None):
            self.expected[name].told.append("withdrawn")

    # -- laws --------------------------------------------------------------------------------------------

    @invariant()
    def the_history_is_complete_and_its_chain_holds(self) -> None:
        for name, is_ in self.expected.items():
            entries = self.yard.sets.entries(name)
            assert [each.action.value for each in entries] == is_.told
            assert [each.part for each in entries] == [f"audit#{n + 1:08d}" for n in range(len(is_.told))]
            assert [each.hash for each in entries] == [audit_hash(each) for each in entries]
            assert [each.previous for each in entries] == ["", *(each.hash for each in entries)][
                : len(entries)
            ]

    @invariant()
    def no_version_ever_changes_and_no_number_is_used_twice(self) -> None:
        for name, is_ in self.expected.items():
            stored = self.yard.sets.versions([(name, n) for n in range(12)])
            made = {number: each.content for (_, number), each in stored.items()}
            assert sorted(made)[: len(is_.versions)] == list(range(1, len(is_.versions) + 1))[:11]
            for number, content in made.items():
                assert {each.image_id for each in content.images} == {
                    ami(n) for n in is_.versions[number - 1]
                }

    @invariant()
    def sets_and_pools_are_as_people_left_them(self) -> None:
        launched: dict[str, tuple[str, int]] = {}
        for name, is_ in self.expected.items():
            head = self.yard.sets.head(name)
            assert (not head.removed, head.deployed) == (is_.there, is_.deployed)
            assert head.number == len(is_.versions)
            launched |= {pool: (name, number) for pool, number in is_.deployed.items()}
        pools = self.yard.sets.deployments(POOLS)
        assert {pool: (each.ami_set, each.number) for pool, each in pools.items()} == launched
        for pool, each in pools.items():
            content = self.expected[each.ami_set].versions[each.number - 1]
            wanted = {"amd64" if n % 2 else "arm64": ami(n) for n in content}
            assert each.images == {a: wanted[a] for a in POOLS[pool]}

    # -- what they need ----------------------------------------------------------------------------------

    def _allowing(self, allow: bool, method: str, path: str, body: Any, tag: str = "") -> Answer:
        query = {"allow_invalid": "true"} if allow else {}
        return self.yard.ask(method, path, body, tag, **query)

    def _written(
        self, answer: Answer, status: int, name: str, content: Numbers, action: str, *, allow: bool
    ) -> bool:
        """Whether a write had to make a version, and has."""
        if self._dead(content) and not self.silent and not allow:
            assert (answer.status, answer.body["error"]["code"]) == (422, "invalid_images")
            return False
        assert answer.status == status
        if not self.silent:
            self._hear(content)
        self.expected[name].versions.append(content)
        self.expected[name].told.append(action)
        return True

    def _told(self, name: str, action: str) -> bool:
        told = self.expected[name].told
        grown = len(self.yard.sets.entries(name)) > len(told)
        told += [action] if grown else []
        return grown

    def _dead(self, content: Numbers) -> bool:
        return bool(self.dead & set(content))

    def _hear(self, content: Numbers) -> None:
        if not self._dead(content):
            self.confirmed[content] = self.yard.now

    def _has_other(self, pool: str, name: str) -> bool:
        return any(pool in is_.deployed for other, is_ in self.expected.items() if other != name)

    @staticmethod
    def _minutes(minutes: int) -> Any:
        from datetime import timedelta

        return timedelta(minutes=minutes)


TestSets = Sets.TestCase
TestSets.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
