"""Whatever happens in whatever order, with crashes and rivals at any effect: the laws of release lines.

* What is in force never gets older, unless people said so.
* At rest every region shows what the record says; nothing was ever shown that EC2 had not confirmed.
* With a canary pool no pool launches what was not proven, unless people said so.
* With copies of one's own nothing else is published, unless people said so, and none that a record names is taken away.
* Each change of what is in force, and each word of people, has its entry for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from railyard.errors import Conflict
from railyard.model.images import ordered
from railyard.model.releases import What, dismiss, pin, roll_back, unpin
from railyard.model.requests import RequestState
from refresh_amis.plan.publishing import Shelf, is_image, parameters
from refresh_amis.plan.trying import Trial
from tests.functions.refresh_amis.world import AWAY, HOME, SETTINGS, World, a_claim

FAR = "sa-east-1"
ALL = (AWAY, HOME, FAR)
VERSIONS = st.integers(0, 5).map(lambda n: f"1.0.{n}")
SOME = st.sets(st.sampled_from(ALL), min_size=1)
POSITIONS = st.integers(1, 14)


class Crash(BaseException):
    """The function dies here; no handler of errors sees it."""


class Releases(RuleBasedStateMachine):
    """One line, its feed, EC2, people, and publishers that die or come between each other."""

    world: World

    @initialize(
        canary=st.booleans(), required=st.sets(st.sampled_from(ALL), max_size=1), copying=st.booleans()
    )
    def begin(self, *, canary: bool, required: set[str], copying: bool) -> None:
        settings = replace(
            SETTINGS,
            architectures=("amd64",),
            canary_pool="canary" if canary else "",
            regions_required=tuple(required),
            own_copies=copying,
        )
        self.world = World(a_claim("1.0.0", regions=ALL), settings=settings)
        self.world.flatcar.enabled = set(ALL)
        self.proven: set[str] = set()
        self.told: set[str] = set()
        self.words = 0
        self.entries: dict[Any, Any] = {}
        self.confirmed: set[str] = set()
        self.shelf = Shelf(prefix="/railyard", home=HOME)

    # The world outside

    @rule(version=VERSIONS, regions=SOME)
    def the_feed_names(self, version: str, regions: set[str]) -> None:
        self.world.flatcar.publish(a_claim(version, regions=regions, etag=f'"{version}{sorted(regions)}"'))

    @rule()
    def the_feed_is_gone(self) -> None:
        self.world.flatcar.claims.clear()

    @rule(data=st.data(), public=st.booleans())
    def an_image_is_taken_away_or_given_back(self, data: st.DataObject, *, public: bool) -> None:
        images = [(r, key) for r, there in sorted(self.world.flatcar.images.items()) for key in sorted(there)]
        region, image = data.draw(st.sampled_from(images))
        self.world.flatcar.spoil(region, image, public=public)

    @rule(silent=st.sets(st.sampled_from(ALL), max_size=1))
    def ec2_is_silent(self, silent: set[str]) -> None:
        self.world.flatcar.silent = silent

    @rule(silent=st.sets(st.sampled_from(ALL), max_size=1), dropped=st.sets(st.sampled_from(ALL), max_size=1))
    def ssm_is_silent_or_drops(self, silent: set[str], dropped: set[str]) -> None:
        self.world.parameters.silent, self.world.parameters.drop = silent, dropped

    @rule(closed=st.sets(st.sampled_from((AWAY, FAR)), max_size=1))
    def a_region_is_closed(self, closed: set[str]) -> None:
        self.world.flatcar.enabled = set(ALL) - closed

    @rule(state=st.sampled_from(("available", "available", "failed")), region=st.sampled_from((*ALL, "")))
    def copies_come_to_an_end(self, state: str, region: str) -> None:
        self.world.copies.become(state, *([region] if region else []))

    @rule(silent=st.sets(st.sampled_from(ALL), max_size=1))
    def ec2_does_not_list_copies(self, silent: set[str]) -> None:
        self.world.copies.silent = silent

    @rule(hours=st.sampled_from((0.02, 1, 25, 24 * 31)))
    def time_passes(self, hours: float) -> None:
        self.world.pass_time(hours=hours)

    @rule(state=st.sampled_from(list(RequestState)), healthy=st.sampled_from((True, False, None)))
    def the_canary_s_request_moves(self, state: RequestState, *, healthy: bool | None) -> None:
        line = self.world.lines.held.get("stable#amd64")
        if not line or not line.trial or not line.candidate:
            return
        image = line.candidate.release.images[HOME]
        self.world.canary.trials[line.trial] = Trial(
            state=state, code="image_unavailable", image=image, since=self.world.now, healthy=healthy
        )
        if state is RequestState.FULFILLED and healthy:
            self.proven.add(image)

    # People

    def _says(self, how: Callable[..., Any], *more: Any) -> None:
        line = self.world.lines.held.get("stable#amd64")
        if not line or not line.current:
            return
        try:
            after, entry = how(line, *more, by="ops", reason="", now=self.world.now)
        except Conflict:
            return
        if entry:
            self.world.lines.record(after, line, [entry])
            self.words += 1
            self.told |= set(after.pin.release.images.values()) if after.pin else set()

    @rule()
    def people_roll_back(self) -> None:
        self._says(roll_back)

    @rule()
    def people_unpin(self) -> None:
        self._says(unpin)

    @rule()
    def people_dismiss(self) -> None:
        self._says(dismiss)

    @rule(data=st.data())
    def people_pin(self, data: st.DataObject) -> None:
        known = [entry.published for entry in self.world.lines.entries() if entry.published]
        if known:
            self._says(pin, data.draw(st.sampled_from(known)))

    @rule(position=POSITIONS, how=st.sampled_from((roll_back, unpin, dismiss)))
    def people_speak_in_the_middle(self, position: int, how: Callable[..., Any]) -> None:
        def speak(number: int) -> None:
            if number == position:
                self.world.before_effect = lambda _: None
                self._says(how)

        self.world.before_effect = speak
        self._refresh()
        self.world.before_effect = lambda _: None

    # Publishers

    @rule()
    def a_refresh(self) -> None:
        self._refresh()

    @rule(position=POSITIONS)
    def a_refresh_that_dies(self, position: int) -> None:
        def die(number: int) -> None:
            if number == position:
                raise Crash

        self.world.before_effect = die
        try:
            self._refresh()
        except Crash:
            pass
        finally:
            self.world.before_effect = lambda _: None

    @rule(position=POSITIONS)
    def two_refreshes_at_once(self, position: int) -> None:
        def let_in(number: int) -> None:
            if number == position:
                self.world.before_effect = lambda _: None
                self._refresh()

        self.world.before_effect = let_in
        self._refresh()
        self.world.before_effect = lambda _: None

    def _refresh(self) -> None:
        self.confirmed |= {
            key
            for there in self.world.flatcar.images.values()
            for key, image in there.items()
            if image.public or (key in self.world.copies.held and image.state == "available")
        }
        self.world.refresh()

    # The laws

    @invariant()
    def nothing_gets_older_unless_people_said_so(self) -> None:
        entries = self.world.lines.entries()
        said = {each.release for each in entries if each.what in (What.PINNED, What.ROLLED_BACK)}
        for before, after in self.world.lines.writes:
            if before.current and after.current and ordered(after.release) < ordered(before.release):
                assert after.release in said

    @invariant()
    def at_rest_every_region_shows_what_the_record_says(self) -> None:
        line = self.world.lines.held.get("stable#amd64")
        if line and not line.publishing:
            for region, named in parameters(line, self.shelf).items():
                assert {name: self.world.image(region, name) for name in named} == named

    @invariant()
    def nothing_was_shown_that_ec2_had_not_confirmed(self) -> None:
        held = self.world.parameters.values.items()
        assert {value for (_, name), value in held if is_image(name)} <= self.confirmed

    @invariant()
    def no_pool_launches_what_was_not_proven(self) -> None:
        first = next((entry for entry in self.world.lines.entries() if entry.what is What.PUBLISHED), None)
        if self.world.settings.canary_pool and first and HOME in first.images:
            assert self.world.image() in self.proven | self.told | {first.images[HOME]}

    @invariant()
    def only_copies_are_published_and_those_that_a_record_names_stay(self) -> None:
        line = self.world.lines.held.get("stable#amd64")
        if self.world.settings.own_copies and line and line.current:
            assert all("-copy-" in image for image in line.named)
            assert line.named <= self.world.copies.held.keys()

    @invariant()
    def every_change_has_its_entry_for_ever(self) -> None:
        log = self.world.lines.log
        assert all(log[key] == entry for key, entry in self.entries.items())
        self.entries = dict(log)
        said = [entry for entry in log.values() if entry.by == "ops"]
        assert len(said) == self.words
        in_force = [after for before, after in self.world.lines.writes if before.current != after.current]
        published = [entry.published for entry in log.values() if entry.what is What.PUBLISHED]
        assert all(after.current in published for after in in_force)


Releases.TestCase.settings = profile(max_examples=150, stateful_step_count=40, deadline=None)
TestReleases = Releases.TestCase
