"""Jobs of a process: one per key, never more than stated, and none that works is forgotten."""

from dataclasses import dataclass, field

from dashboard.held_jobs import HeldJobs


@dataclass
class State:
    is_busy: bool = False


@dataclass
class Job:
    name: str
    state: State = field(default_factory=State)


def test_one_key_is_one_job_unless_it_is_not_worth_keeping() -> None:
    held = HeldJobs[str, Job](2)
    first = held.get_or_begin("a", lambda: Job("first"))
    assert held.get("b") is None
    assert held.get_or_begin("a", lambda: Job("second")) is first
    assert held.get_or_begin("a", lambda: Job("third"), keeps=lambda job: job.state.is_busy).name == "third"
    assert [job.name for job in held.all()] == ["third"]


def test_beyond_the_most_the_oldest_that_rests_goes_and_one_that_works_stays() -> None:
    gone: list[str] = []
    held = HeldJobs[str, Job](2, lambda job: gone.append(job.name))
    busy = held.get_or_begin("busy", lambda: Job("busy", State(True)))
    held.get_or_begin("old", lambda: Job("old"))
    held.get_or_begin("new", lambda: Job("new"))
    assert held.get("busy") is busy, "a job that works is never forgotten"
    assert gone == []
    busy.state.is_busy = False
    held.get_or_begin("newest", lambda: Job("newest"))
    assert gone == ["busy", "old"]
    assert [job.name for job in held.all()] == ["new", "newest"]


def test_a_dropped_job_is_begun_anew() -> None:
    held = HeldJobs[str, Job](2)
    held.drop(held.get_or_begin("a", lambda: Job("first")))
    assert held.all() == ()
    assert held.get_or_begin("a", lambda: Job("second")).name == "second"
