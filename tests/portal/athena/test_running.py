"""Queries that run too long or that nobody waits for are stopped."""

from __future__ import annotations

import pytest

from portal.athena.running import MOST_SECONDS, RunningQueries


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def running(clock):
    return RunningQueries(clock)


def wait(running, clock, seconds, asked=()):
    """Let time pass in steps of the sweeper; somebody asks for the queries `asked` at each."""
    for _ in range(seconds // 15):
        clock.seconds += 15
        for query_id in asked:
            running.asked(query_id, is_over=False)
        running.sweep()


def test_a_query_is_stopped_within_two_minutes_after_its_page_closed(running, clock):
    stopped = []
    running.add("watched", lambda: stopped.append("watched"))
    running.add("closed", lambda: stopped.append("closed"))
    wait(running, clock, 60, asked=("watched", "closed"))
    assert stopped == []
    wait(running, clock, 105, asked=("watched",))
    assert stopped == ["closed"]


def test_a_query_is_stopped_after_the_longest_time_even_if_somebody_waits(running, clock):
    stopped = []
    running.add("slow", lambda: stopped.append("slow"))
    wait(running, clock, MOST_SECONDS, asked=("slow",))
    assert stopped == []
    wait(running, clock, 30, asked=("slow",))
    assert stopped == ["slow"]


def test_a_query_that_is_over_is_not_stopped(running, clock):
    stopped = []
    running.add("done", lambda: stopped.append("done"))
    running.asked("done", is_over=True)
    wait(running, clock, 600)
    assert stopped == []


def test_a_query_whose_stop_failed_is_stopped_at_the_next_sweep(running, clock):
    answers = [OSError("no network"), None]
    stopped = []

    def stop():
        if answer := answers.pop(0):
            raise answer
        stopped.append("q")

    running.add("q", stop)
    wait(running, clock, 105)
    wait(running, clock, 15)
    assert stopped == ["q"]
