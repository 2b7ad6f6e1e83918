"""The same world, driven by hypothesis: what breaks a promise shrinks to the few things that it takes.

Rules are what may happen, to the platform, the operator, the owner of the partition, its zombies, the clock. What
must always be true the world itself asserts where it happens (`promises.py`, `World._may_start`); here it is asked
besides after each rule, and in the end the world heals and is judged as the seeded histories are.
"""

from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.delivery import Reply
from tests.streams.afterlives import FAILING, check_healed, heal
from tests.streams.lives import REPLIES, check, go_forward, quieten
from tests.streams.promises import check_parts
from tests.streams.tales import CHAIN, documents, tale
from tests.streams.worlds import OK, World

places = st.integers(0, 7)


class CallAmongFailures(RuleBasedStateMachine):
    """One call, the workers of its partition, and everything that can go wrong."""

    world: World

    @initialize(dice=st.randoms(use_true_random=False), known=st.booleans())
    def begin(self, dice: Random, known: bool) -> None:
        """A call of any sort, its events in any order and some of them twice; its workflow may be applied late."""
        told = tale(dice)
        if not known:
            told.documents = documents(None, *told.subscribed)
        self.world = World(told, lambda _: OK)
        self.ordinary = known
        """Nothing happened that `check` does not reckon with: a replay, a disabled endpoint."""

    # -- the platform, the operator

    @rule()
    def an_event_is_produced(self) -> None:
        self.world.produce()

    @rule()
    def everything_is_produced(self) -> None:
        while self.world.tale.events:
            self.world.produce()

    @rule()
    def everything_is_replayed(self) -> None:
        self.ordinary = False
        self.world.replay()

    @precondition(lambda self: self.world.sent)
    @rule(place=places)
    def a_delivery_is_replayed(self, place: int) -> None:
        self.ordinary = False
        sent = self.world.sent
        self.world.replay(sent[place % len(sent)].delivery.delivery_id)

    @rule()
    def endpoints_are_resumed(self) -> None:
        self.world.resume()

    @rule()
    def the_workflow_is_applied(self) -> None:
        self.world.know(CHAIN)

    # -- the owner

    @rule()
    def an_event_is_folded(self) -> None:
        self.world.fold_event()

    @rule()
    def a_message_is_folded(self) -> None:
        self.world.fold_internal()

    @rule()
    def everything_is_read(self) -> None:
        for _ in range(len(self.world.events)):
            self.world.fold_event()
        for _ in range(len(self.world.internal)):
            self.world.fold_internal()

    @rule()
    def rows_become_durable(self) -> None:
        self.world.flush()

    @rule()
    def an_effect_is_done(self) -> None:
        self.world.act()

    @rule()
    def all_effects_are_done(self) -> None:
        for _ in range(len(self.world.owner.effects)):
            self.world.act()

    @rule()
    def offsets_are_committed(self) -> None:
        self.world.commit()

    @rule()
    def records_are_acknowledged(self) -> None:
        self.world.acknowledge()

    # -- the endpoints, the log

    @precondition(lambda self: self.world.wire)
    @rule(place=places, twice=st.booleans(), reply=st.sampled_from(FAILING))
    def an_endpoint_answers(self, place: int, twice: bool, reply: Reply) -> None:
        self.ordinary = self.ordinary and reply in REPLIES
        self.world.answer = lambda _: reply
        self.world.reply(place, twice)

    @precondition(lambda self: self.world.internal)
    @rule(place=st.integers(0, 30))
    def an_old_message_comes_again(self, place: int) -> None:
        self.world.repeat(place)

    @precondition(lambda self: self.world.internal)
    @rule(place=st.integers(0, 3))
    def a_late_reply_comes_again(self, place: int) -> None:
        self.world.repeat_reply(place)

    @rule()
    def everything_goes_forward(self) -> None:
        go_forward(self.world)

    # -- the clock

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0, 20.0, 130.0, 601.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule()
    def what_is_due_ticks(self) -> None:
        self.world.tick()

    # -- how workers end

    @rule()
    def the_owner_is_killed(self) -> None:
        self.world.crash()

    @rule()
    def the_partition_moves_on(self) -> None:
        self.world.hand_over()

    @rule()
    def former_owners_are_killed(self) -> None:
        self.world.lose()

    @rule()
    def a_heartbeat_is_answered(self) -> None:
        self.world.beat()

    @rule()
    def a_heartbeat_is_sent(self) -> None:
        self.world.beat_unanswered()

    @rule(seconds=st.sampled_from([3.0, 8.0, 12.0]))
    def the_owner_is_not_heard(self, seconds: float) -> None:
        self.world.wait_unheard(seconds)

    @rule()
    def the_owner_freezes(self) -> None:
        self.world.freeze()

    @rule()
    def the_group_goes_on_without_the_owner(self) -> None:
        self.world.expire()

    @rule()
    def the_frozen_go_on(self) -> None:
        self.world.thaw()

    @precondition(lambda self: self.world.zombies)
    @rule(place=places, what=places)
    def a_zombie_does_what_it_had_in_mind(self, place: int, what: int) -> None:
        self.world.go_on(place, what)

    @precondition(lambda self: self.world.zombies)
    @rule(place=places)
    def a_zombie_learns_that_it_is_one(self, place: int) -> None:
        self.world.learn(place)

    # -- what must always be true

    @invariant()
    def at_most_one_worker_may_act(self) -> None:
        if hasattr(self, "world"):
            acting = [one.number for one in (*self.world.zombies, self.world.owner) if one.lease.valid()]
            assert set(acting) <= {self.world.owner.number}, f"workers {acting} act for one partition"

    @invariant()
    def what_the_durable_row_names_is_there(self) -> None:
        if hasattr(self, "world"):
            check_parts(self.world.durable[0], self.world.parts)

    def teardown(self) -> None:
        """Everything heals, and every promise is looked at."""
        if hasattr(self, "world"):
            self.world.answer = lambda _: OK
            quieten(self.world)
            if self.ordinary:
                check(self.world)
            check_healed(heal(self.world))


HARDLY_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

TestCallAmongFailures = CallAmongFailures.TestCase
TestCallAmongFailures.settings = settings(
    max_examples=100, stateful_step_count=50, deadline=None, suppress_health_check=HARDLY_SLOW
)


class Longer(CallAmongFailures):
    """The same, with more patience."""


TestLonger = pytest.mark.timeout(600)(pytest.mark.slow(Longer.TestCase))
TestLonger.settings = settings(
    max_examples=500, stateful_step_count=80, deadline=None, suppress_health_check=HARDLY_SLOW
)
