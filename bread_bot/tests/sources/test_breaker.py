"""The circuit breaker."""

from bread_bot.sources.breaker import FAILURES, REST, Breaker
from bread_bot.tests.sources.conftest import Clock


def broken(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.fail()
    return breaker


def test_opens_after_failures_in_a_row(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.fail()
    assert breaker.admits()
    breaker.fail()
    assert breaker.is_open
    assert not breaker.admits()


def test_a_success_between_failures_starts_the_count_anew(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(5):
        breaker.fail()
        breaker.fail()
        breaker.succeed()
    assert breaker.admits()


def test_admits_one_probe_after_the_rest(clock: Clock) -> None:
    breaker = broken(clock)
    clock.now += REST - 1
    assert not breaker.admits()
    clock.now += 1
    assert [breaker.admits() for _ in range(3)] == [True, False, False]


def test_a_failed_probe_means_another_rest(clock: Clock) -> None:
    breaker = broken(clock)
    clock.now += REST
    assert breaker.admits()
    clock.now += 3
    breaker.fail()
    clock.now += REST - 1
    assert not breaker.admits()
    clock.now += 1
    assert breaker.admits()


def test_a_probe_that_is_never_heard_of_again_blocks_nothing(clock: Clock) -> None:
    breaker = broken(clock)
    clock.now += REST
    assert breaker.admits()
    clock.now += REST
    assert breaker.admits()


def test_a_good_probe_closes(clock: Clock) -> None:
    breaker = broken(clock)
    clock.now += REST
    assert breaker.admits()
    breaker.succeed()
    assert not breaker.is_open
    assert all(breaker.admits() for _ in range(3))
