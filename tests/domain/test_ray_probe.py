"""Probe R: what Ray says of itself, attached drivers, hung jobs and Serve included, judged by the table of the model."""

from dataclasses import replace
from typing import Any

import pytest
from looks import HEAD, HOUR, MINUTE, NO_RAY, ONE_HEAD, TICK, board, cluster, dashboard, look, submission, watching
from worlds import NOW

from domain import ray_use
from domain.observation import NOT_LOOKED, Unreadable
from domain.ray import RayJob, RayObjects, RayService
from domain.signals import RayComponent
from domain.watch import State, Watch

A, IDLE, U, N = State.ACTIVE, State.IDLE, State.UNKNOWN, State.NOT_APPLICABLE
NO_TOKEN = Unreadable("TokenAsked", "What runs in demo asks for a token of its own (HTTP status 401).")
ASLEEP = replace(HEAD, suspended=True, state="suspended")
UNREADY = replace(HEAD, state="failed", head_service="")


def jobs(*deployments: str, ended: float | None = None) -> RayObjects:
    """RayJobs in these states, and one head."""
    return RayObjects(True, (HEAD,), tuple(RayJob("default", s, s, "RUNNING", ended) for s in deployments))


def state(quiet_s: float = 0.0, watch: Watch | None = None, **signals: Any) -> State:
    """The state of one look."""
    of = cluster(watch=watch) if watch is not None else None
    return ray_use.read(look(of, **signals), quiet_s).reading.state


@pytest.mark.parametrize(
    ("signals", "expected"),
    [
        ({"ray": NO_RAY}, N),
        ({"ray": NOT_LOOKED}, U),
        ({"ray": NO_TOKEN}, U),
        ({"ray": RayObjects(True)}, N),
        ({"ray": RayObjects(True, (ASLEEP,))}, N),
        ({"ray": RayObjects(True, (ASLEEP,), services=(RayService("d", "s", "Running"),))}, N),
        ({"ray": RayObjects(True, services=(RayService("d", "s", "Running"),))}, U),
        ({"ray": ONE_HEAD}, U),
        ({"ray": RayObjects(True, (UNREADY,))}, U),
        ({"ray": ONE_HEAD, "dashboards": {HEAD.id: NO_TOKEN}}, U),
        (board(), IDLE),
        (board(components=()), U),
        (board(components=(RayComponent("driver", "ERROR", "GCS is gone"),)), U),
        (board(components=(RayComponent("driver", "SLEEPING"),)), U),
        (board(active=True), A),
        (board(components=(RayComponent("driver", "INACTIVE"), RayComponent("hook", "ACTIVE"))), A),
        (board(actors=1), A),
        (board(submissions=(submission("PENDING"),)), A),
        (board(submissions=(submission("RUNNING"),)), A),
        (board(submissions=(submission("SUCCEEDED"), submission("FAILED"), submission("STOPPED"))), IDLE),
        (board(submissions=(submission(kind="DRIVER"),)), A),
    ],
)
def test_ray_decides(signals: dict[str, Any], expected: State) -> None:
    """Only a head that answers in full, and on which nothing is alive, is idle; suspended or no KubeRay does not apply."""
    found = ray_use.read(look(**signals), 0.0).reading
    assert found.state is expected
    assert found.required == (expected is not N)
    assert found.value
    assert bool(found.reason) == (expected is U)


@pytest.mark.parametrize("deployment", ["", "Initializing", "Waiting", "Running", "Retrying", "Suspending", "Novel"])
def test_a_ray_job_that_wants_to_run_is_work(deployment: str) -> None:
    """Also where the head cannot be asked: one ACTIVE wins over what is not known."""
    assert state(ray=jobs(deployment)) is A
    assert state(ray=jobs(deployment), dashboards={HEAD.id: dashboard()}) is A


@pytest.mark.parametrize("deployment", ["Complete", "Failed", "ValidationFailed", "Suspended"])
def test_a_ray_job_that_is_over_is_none(deployment: str) -> None:
    """What is complete or suspended does not run."""
    assert state(ray=jobs(deployment), dashboards={HEAD.id: dashboard()}) is IDLE


@pytest.mark.parametrize("alive", [{"active": True}, {"actors": 3}, {"submissions": (submission(kind="DRIVER"),)}])
@pytest.mark.parametrize(("quiet_s", "expected"), [(0.0, A), (HOUR - 1, A), (HOUR, IDLE)])
def test_an_open_driver_is_attached_only_after_a_quiet_window(
    alive: dict[str, Any], quiet_s: float, expected: State
) -> None:
    """INACTIVE with actors alive, and an open notebook, are work until the GPUs were quiet for a whole window."""
    found = ray_use.read(look(**board(**alive)), quiet_s)
    assert found.reading.state is expected
    assert found.attached
    assert not found.hung


@pytest.mark.parametrize("blind", [{"components": (RayComponent("driver", "ERROR", "?"),), "actors": 1}])
def test_attached_with_a_part_unknown_is_unknown(blind: dict[str, Any]) -> None:
    """A driver counts as attached only where every part of Ray could be read."""
    assert state(2 * HOUR, **board(**blind)) is U


OLD, YOUNG = submission(started=NOW - 3 * HOUR), submission(started=NOW - 3 * HOUR + 1)


@pytest.mark.parametrize(
    ("quiet_s", "submissions", "expected"),
    [
        (3 * HOUR, (OLD,), IDLE),
        (3 * HOUR - 1, (OLD,), A),
        (9 * HOUR, (YOUNG,), A),
        (9 * HOUR, (OLD, YOUNG), A),
        (9 * HOUR, (OLD, submission("PENDING")), A),
        (9 * HOUR, (submission(started=None),), A),
        (9 * HOUR, (submission(started=NOW + HOUR),), A),
    ],
)
def test_a_job_hangs_when_all_was_quiet_for_three_hours(
    quiet_s: float, submissions: tuple[Any, ...], expected: State
) -> None:
    """It must have begun that long ago, and so must every other; what waits is never hung."""
    found = ray_use.read(look(**board(active=True, actors=4, submissions=submissions)), quiet_s)
    assert found.reading.state is expected
    assert found.hung == (expected is IDLE)


@pytest.mark.parametrize(
    ("objects", "submissions", "hung"),
    [
        (jobs("Running"), (OLD,), True),
        (jobs("Running"), (), False),
        (jobs("Running", "Running"), (OLD,), False),
        (jobs("Running", "Initializing"), (OLD, OLD), False),
    ],
)
def test_a_ray_job_hangs_only_with_a_submission_that_tells_its_beginning(
    objects: RayObjects, submissions: tuple[Any, ...], hung: bool
) -> None:
    """The object itself tells no time, so a young one must never pass for one that hangs."""
    found = ray_use.read(look(ray=objects, dashboards={HEAD.id: dashboard(submissions=submissions)}), 9 * HOUR)
    assert found.hung is hung
    assert found.reading.state is (IDLE if hung else A)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(None, 10.0, IDLE), (10.0, 10.0, IDLE), (10.0, 11.0, A), (10.0, 4.0, U), (10.0, None, U), (None, None, U)],
)
def test_serving_is_idle_only_while_the_counter_stands(
    before: float | None, after: float | None, expected: State
) -> None:
    """Requests since the last look are work; a counter that is missing, or began anew, tells nothing."""
    found = ray_use.read(look(watching(requests=before), **board(serving=("app",), requests=after)), 0.0)
    assert found.reading.state is expected
    assert found.serving
    assert found.requests == (before if after is None else after)


def test_a_ray_service_without_an_application_is_not_taken_for_an_empty_cluster() -> None:
    """It is being deployed, or broken: nothing is known of its requests."""
    objects = replace(ONE_HEAD, services=(RayService("default", "app", "WaitForServeDeploymentReady"),))
    assert state(ray=objects, dashboards={HEAD.id: dashboard()}) is U


def test_counters_of_several_heads_are_one() -> None:
    """One of them missing makes the sum unknown."""
    other = replace(HEAD, name="other")
    objects = RayObjects(True, (HEAD, other))
    both = {HEAD.id: dashboard(serving=("a",), requests=3.0), other.id: dashboard(serving=("b",), requests=4.0)}
    assert ray_use.read(look(ray=objects, dashboards=both), 0.0).requests == 7.0
    lacking = both | {other.id: dashboard(serving=("b",))}
    assert state(ray=objects, dashboards=lacking) is U


@pytest.mark.parametrize(
    "signals",
    [
        board(components=(RayComponent("driver", "INACTIVE", "", NOW - 2 * MINUTE),)),
        board(components=(RayComponent("driver", "INACTIVE", "", NOW + 7 * MINUTE),)),
        board(submissions=(submission("SUCCEEDED", ended_at=NOW - 2 * MINUTE),)),
        {"ray": RayObjects(True, (), (RayJob("default", "job", "Complete", "SUCCEEDED", NOW - 2 * MINUTE),))},
    ],
)
def test_what_ended_between_two_looks_is_work(signals: dict[str, Any]) -> None:
    """By Ray's own clock, which may be ahead: only a later end than at the last look counts, and only once."""
    before = Watch(judged_at=NOW - TICK, ray_at=NOW - HOUR)
    assert state(watch=before, **signals) is A
    after = replace(before, ray_at=ray_use.read(look(cluster(watch=before), **signals), 0.0).worked_at)
    assert state(watch=after, **signals) in (IDLE, N)
    assert state(watch=Watch(), **signals) in (IDLE, N)


def test_one_head_that_is_blind_makes_all_unknown_unless_another_works() -> None:
    """UNKNOWN stops the clock; a job on the other head is still work."""
    other = replace(HEAD, name="other")
    objects = RayObjects(True, (HEAD, other))
    assert state(ray=objects, dashboards={HEAD.id: dashboard(), other.id: NO_TOKEN}) is U
    works = dashboard(submissions=(submission(),))
    assert state(ray=objects, dashboards={HEAD.id: works, other.id: NO_TOKEN}) is A


def test_the_reason_carries_the_repair() -> None:
    """Which head, what it answered, and what to look at."""
    reason = ray_use.read(look(ray=ONE_HEAD, dashboards={HEAD.id: NO_TOKEN}), 0.0).reading.reason
    assert "default/demo" in reason
    assert "token" in reason
    assert "security groups" in reason
