"""A worker takes documents through their stages and reports what came of each."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from domain import commands as c
from domain import events as e
from domain.errors import IllegalTransition
from domain.pipeline import StageDependency
from domain.values import FailureReason, FileReference, StageStatus, WorkflowStatus, WorkflowType
from stages.executor import StageOutcome, StageTask
from stages.sandbox import Sandbox
from worker_parts import (
    PIPELINE,
    STAGES,
    Echo,
    World,
    echo,
    echo_in_process,
    new_sandbox,
    running,
    wait_until,
)
from workers.dispatcher import Dispatcher
from workers.hints import Hint
from workers.jobs.queue import defer
from workers.leases import Leases
from workers.reaper import Reaper
from workers.worker import Worker

COMPLETED, PENDING, FAILED = StageStatus.COMPLETED, StageStatus.PENDING, StageStatus.FAILED
RUNS = StageStatus.IN_PROGRESS
LEASES = "SELECT lease_id FROM stage_leases"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Children that run the executors of `worker_parts`."""
    with new_sandbox(slots=4) as made:
        yield made


def new_worker(world: World, sandbox: Sandbox, name: str = "w1", **options: Any) -> Worker:
    settings: dict[str, Any] = {
        "slots": 2,
        "executor_of": echo,
        "stages": STAGES,
        "lease_seconds": 3.0,
    } | options
    return Worker(
        world.dsn,
        commands=world.commands,
        blobs=world.blobs,
        imported=world.imported.find,
        sandbox=sandbox,
        work_folder=world.folder / "work",
        name=name,
        **settings,
    )


@contextmanager
def at_work(world: World, sandbox: Sandbox, **options: Any) -> Iterator[Worker]:
    """A dispatcher and a worker at work."""
    worker = new_worker(world, sandbox, **options)
    with running(Dispatcher(world.dsn, beside=worker.taker), worker):
        yield worker


def leases(world: World) -> int:
    return int(world.query("SELECT count(*) FROM stage_leases")[0][0])


def test_a_document_goes_through_all_stages(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        registered = world.register("a")
        wait_until(lambda: world.is_done("a"))
        wait_until(lambda: leases(world) == 0)
    assert world.topics("a") == [
        *("DocumentRegistered", "WorkflowStarted"),
        *("StageStarted", "OutputFileRegistered", "StageCompleted"),
        *("StageStarted", "OutputFileRegistered", "StageCompleted"),
        *("StageStarted", "OutputFileRegistered", "StageCompleted", "WorkflowCompleted"),
    ]
    events = world.events("a")
    registration = registered.events[0].event
    assert isinstance(registration, e.Event)
    assert {event.correlation_id for event in events[2:]} == {registration.command_id}
    assert {event.actor for event in events[2:]} == {"worker:w1"}
    completions = [event for event in events if isinstance(event, e.StageCompleted)]
    assert [event.executor for event in completions] == ["alpha/1.0", "beta/1.0", "gamma/1.0"]


def test_stages_are_given_the_original_and_what_is_upstream(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a")
        wait_until(lambda: world.is_done("a"))
    state = world.state("a")
    made = json.loads(
        b"".join(world.blobs.open(state.stages["gamma"].files["gamma_output"].checksum))
    )
    assert made["given"] == {
        "original": state.original_checksum,
        "alpha": state.stages["alpha"].files["alpha_output"].checksum,
        "beta": state.stages["beta"].files["beta_output"].checksum,
    }
    completed = [event for event in world.events("a") if isinstance(event, e.StageCompleted)]
    assert completed[-1].inputs == (
        FileReference(file_type="original", checksum=state.original_checksum or ""),
        *(
            FileReference(
                stage_name=name,
                file_type=f"{name}_output",
                checksum=state.stages[name].files[f"{name}_output"].checksum,
            )
            for name in ("alpha", "beta")
        ),
    )
    assert completed[-1].metadata == {"inputs": 3}


def test_completion_and_next_start_are_one_append(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a")
        wait_until(lambda: world.is_done("a"))
    events = world.events("a")
    for before, after in itertools.pairwise(events):
        if isinstance(before, e.StageCompleted) and isinstance(after, e.StageStarted):
            assert before.command_id == after.command_id
    assert len({event.command_id for event in events}) == 1 + 1 + 3


def test_an_executor_may_run_in_the_worker(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox, executor_of=echo_in_process):
        world.register("a")
        wait_until(lambda: world.is_done("a"))
    assert len({line[4] for line in world.journalled()}) == 1


def test_a_manual_workflow_runs_what_it_is_told(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a", WorkflowType.MANUAL)
        world.command(c.RequestStage, "a", stage_name="alpha")
        wait_until(lambda: world.status("a", "alpha") is COMPLETED)
        time.sleep(0.5)
        assert world.status("a", "beta") is PENDING
        world.command(c.RequestStage, "a", stage_name="beta")
        wait_until(lambda: world.status("a", "beta") is COMPLETED)


def test_a_request_may_name_its_inputs(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a", WorkflowType.MANUAL)
        world.command(c.RequestStage, "a", stage_name="alpha")
        wait_until(lambda: world.status("a", "alpha") is COMPLETED)
        checksum = world.state("a").stages["alpha"].files["alpha_output"].checksum
        only = FileReference(stage_name="alpha", file_type="alpha_output", checksum=checksum)
        world.command(c.RequestStage, "a", stage_name="beta", inputs=(only,))
        wait_until(lambda: world.status("a", "beta") is COMPLETED)
    completed = [event for event in world.events("a") if isinstance(event, e.StageCompleted)]
    assert completed[-1].inputs == (only,)


def test_a_lease_is_renewed_from_when_it_is_there_for_all_to_see(
    world: World, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was asked for any sooner would be taken for lost."""
    unseen: set[str] = set()
    renew = Leases.renew

    def renewed(leases: Leases, lease_ids: Collection[str]) -> set[str]:
        unseen.update(set(lease_ids) - {row[0] for row in world.query(LEASES)})
        return renew(leases, lease_ids)

    monkeypatch.setattr(Leases, "renew", renewed)
    version = world.register("a").state.version
    worker = new_worker(world, sandbox, lease_seconds=3.0)
    with running(worker), world.connect() as connection:
        with worker.taker.taking() as take, connection.transaction():
            defer(connection, [Hint("a", version)])
            take(connection)
            time.sleep(2)
        wait_until(lambda: world.is_done("a"))
    assert unseen == set()


def test_slots_run_documents_side_by_side(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox, slots=3):
        for number in range(6):
            world.register(f"a-{number}", options={"alpha": {"sleepSeconds": 1.5}})
        wait_until(lambda: all(world.is_done(f"a-{number}") for number in range(6)))
    most = now = 0
    for what, *_ in world.journalled():
        now += 1 if what == "begin" else -1
        most = max(most, now)
    assert most == 3


def test_stages_in_the_worker_itself_need_no_slot(world: World, sandbox: Sandbox) -> None:
    together = threading.Barrier(4)

    class Meeting(Echo):
        def run(self, task: StageTask) -> StageOutcome:
            if task.stage_name == "alpha":
                together.wait(60)
            return StageOutcome(())

    def meeting(stage_name: str) -> Meeting:
        return Meeting(stage_name, in_process=True)

    with at_work(world, sandbox, slots=1, documents=4, executor_of=meeting):
        for number in range(4):
            world.register(f"a-{number}")
        wait_until(lambda: all(world.is_done(f"a-{number}") for number in range(4)), seconds=60)
    assert not together.broken


def test_documents_that_find_no_slot_are_put_back(world: World, sandbox: Sandbox) -> None:
    light = (StageDependency("light", None, True, 1),)

    def mixed(stage_name: str) -> Echo:
        return Echo(stage_name, in_process=stage_name == "light")

    ids = [f"a-{number}" for number in range(12)]
    stages = (*STAGES, "light")
    with at_work(world, sandbox, slots=1, documents=8, executor_of=mixed, stages=stages):
        for number, document_id in enumerate(ids):
            world.register(document_id, pipeline=PIPELINE if number % 4 == 3 else light)
        wait_until(lambda: all(world.is_done(document_id) for document_id in ids), seconds=60)
    running = 0
    for what, _, stage_name, *_ in world.journalled():
        if stage_name != "light":
            running += 1 if what == "begin" else -1
            assert running <= 1
    for document_id in ids:
        assert "StageFailed" not in world.topics(document_id)


def test_a_failure_is_retried_with_backoff_until_it_succeeds(
    world: World, sandbox: Sandbox
) -> None:
    with at_work(world, sandbox):
        world.register("a", options={"beta": {"fail": "error", "failAttempts": 1}})
        wait_until(lambda: world.is_done("a"))
    retried = [event for event in world.events("a") if isinstance(event, e.StageRetried)]
    assert [(event.stage_name, event.attempt) for event in retried] == [("beta", 2)]
    started = [event for event in world.events("a") if isinstance(event, e.StageStarted)]
    assert [(event.stage_name, event.attempt) for event in started] == [
        ("alpha", 1),
        ("beta", 1),
        ("beta", 2),
        ("gamma", 1),
    ]
    assert retried[0].retry_at is not None
    assert timedelta_between(retried[0].retry_at, started[2].at) < 0.5


def timedelta_between(earlier: datetime, later: datetime) -> float:
    seconds = (later - earlier).total_seconds()
    assert seconds >= 0
    return seconds


def test_retries_are_used_up(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a", options={"alpha": {"fail": "error"}}, retries=1)
        wait_until(lambda: world.status("a", "alpha") is FAILED)
    state = world.state("a")
    assert state.workflow_status is WorkflowStatus.FAILED
    assert state.stages["alpha"].attempt == 2
    failures = [event for event in world.events("a") if isinstance(event, e.StageFailed)]
    assert [event.will_retry for event in failures] == [True, False]
    assert failures[1].personal is not None
    assert failures[1].personal.error_message == "The stage failed as it was told to."


def test_what_cannot_succeed_is_not_retried(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a", options={"alpha": {"fail": "unconvertible"}})
        wait_until(lambda: world.status("a", "alpha") is FAILED)
    (failure,) = [event for event in world.events("a") if isinstance(event, e.StageFailed)]
    assert failure.reason is FailureReason.UNCONVERTIBLE
    assert failure.executor == "alpha/1.0"


def test_a_stage_that_takes_too_long_times_out(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a", options={"alpha": {"sleepSeconds": 30}}, retries=0, timeoutSeconds=0.5)
        wait_until(lambda: world.status("a", "alpha") is FAILED)
    (failure,) = [event for event in world.events("a") if isinstance(event, e.StageFailed)]
    assert failure.reason is FailureReason.TIMED_OUT


def waiting(world: World) -> list[tuple[str, str]]:
    """Return documents and the stages of theirs that wait for a worker with the executor."""
    rows = world.query(
        "SELECT headers ->> 'documentId', entrypoint FROM docledger_queue.pgqueuer"
        " WHERE entrypoint <> 'document' AND status = 'queued' ORDER BY 1, 2"
    )
    return [(document_id, entrypoint) for document_id, entrypoint in rows]


def test_a_stage_without_executor_waits_for_a_worker_that_has_it(
    world: World, sandbox: Sandbox
) -> None:
    """The first worker goes as far as it can; the one that has the executor goes on."""
    with at_work(world, sandbox, stages=("alpha", "gamma")):
        world.register("a", retries=0)
        wait_until(lambda: waiting(world) == [("a", "stage:beta")])
        wait_until(lambda: leases(world) == 0)
        assert world.status("a", "alpha") is COMPLETED
        assert world.status("a", "beta") is PENDING
        assert world.topics("a")[-1] == "StageCompleted"
        with running(new_worker(world, sandbox, "w2", stages=("beta",))):
            wait_until(lambda: world.is_done("a"))
        wait_until(lambda: waiting(world) == [])
    assert [event.attempt for event in world.events("a") if isinstance(event, e.StageStarted)] == [
        1,
        1,
        1,
    ]
    actors = [event.actor for event in world.events("a") if isinstance(event, e.StageCompleted)]
    assert actors == ["worker:w1", "worker:w2", "worker:w1"]


def test_a_worker_takes_up_what_waited_once_it_has_the_executor(
    world: World, sandbox: Sandbox
) -> None:
    with at_work(world, sandbox, stages=("alpha",)):
        for name in ("a", "b", "c"):
            world.register(name)
        wait_until(lambda: len(waiting(world)) == 3)
    with at_work(world, sandbox, name="w1"):
        wait_until(lambda: all(world.is_done(name) for name in ("a", "b", "c")))


def test_stages_that_wait_keep_no_other_back(world: World, sandbox: Sandbox) -> None:
    """Of two branches one has no executor: the other is run to its end."""
    pipeline = (
        StageDependency("unknown", None, True, 1),
        StageDependency("alpha", None, True, 2),
        StageDependency("gamma", "alpha", True, 3),
    )
    with at_work(world, sandbox):
        world.register("a", pipeline=pipeline)
        wait_until(lambda: world.status("a", "gamma") is COMPLETED)
        wait_until(lambda: waiting(world) == [("a", "stage:unknown")])
        assert world.status("a", "unknown") is PENDING


def test_a_requested_stage_waits_as_well(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox, stages=("beta",)):
        world.register("a", WorkflowType.MANUAL)
        world.command(c.RequestStage, "a", stage_name="alpha")
        wait_until(lambda: waiting(world) == [("a", "stage:alpha")])
        with running(new_worker(world, sandbox, "w2")):
            wait_until(lambda: world.status("a", "alpha") is COMPLETED)


def test_an_executor_that_is_lost_costs_no_attempt(world: World, sandbox: Sandbox) -> None:
    """The package is removed under a worker that runs: it gives the stage to others."""
    with at_work(world, sandbox, stages=(*STAGES, "unknown")):
        world.register("a", pipeline=(StageDependency("unknown", None, True, 1),), retries=0)
        wait_until(lambda: waiting(world) == [("a", "stage:unknown")])
        assert world.status("a", "unknown") is PENDING
        assert world.state("a").stages["unknown"].spent_retries == 0


def test_a_worker_says_which_stages_it_can_run(world: World, sandbox: Sandbox) -> None:
    stages = "SELECT name, slots, stages FROM stage_workers ORDER BY name"
    with running(new_worker(world, sandbox, stages=("beta", "alpha"))):
        wait_until(lambda: world.query(stages) == [("w1", 2, ["alpha", "beta"])])
    assert world.query(stages) == []


def test_content_that_is_not_found_is_retried(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        state = world.register("a", WorkflowType.MANUAL).state
        with world.blobs.local_path(state.original_checksum or "") as path:
            content = path.read_bytes()
            path.unlink()
        world.command(c.RequestStage, "a", stage_name="alpha")
        wait_until(lambda: "StageRetried" in world.topics("a"))
        world.blobs.put_stream([content])  # as if a mount came back
        wait_until(lambda: world.status("a", "alpha") is COMPLETED)
    (failure,) = [event for event in world.events("a") if isinstance(event, e.StageFailed)]
    assert failure.will_retry


def test_content_that_is_gone_for_good_fails_its_stage_with_what_is_missing(
    world: World, sandbox: Sandbox
) -> None:
    with at_work(world, sandbox):
        state = world.register("a", WorkflowType.MANUAL, retries=0).state
        checksum = state.original_checksum or ""
        with world.blobs.local_path(checksum) as path:
            path.unlink()
        world.command(c.RequestStage, "a", stage_name="alpha")
        wait_until(lambda: world.status("a", "alpha") is FAILED)
    (failure,) = [event for event in world.events("a") if isinstance(event, e.StageFailed)]
    assert failure.personal is not None
    assert checksum in (failure.personal.error_message or "")


def test_cancelling_ends_the_executor_and_reports_nothing(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a", options={"alpha": {"sleepSeconds": 60}})
        wait_until(lambda: world.journalled() != [])
        world.command(c.CancelWorkflow, "a")
        version = world.state("a").version
        seconds = wait_until(lambda: leases(world) == 0)
        assert seconds < 5
        assert not process_runs(world.journalled()[0][4])
        assert world.state("a").version == version
        world.command(c.StartWorkflow, "a", pipeline=PIPELINE, workflow_type=WorkflowType.MANUAL)
        world.register("b")
        wait_until(lambda: world.is_done("b"))


def test_deleting_a_document_ends_its_executor(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a", options={"alpha": {"sleepSeconds": 60}})
        wait_until(lambda: world.journalled() != [])
        world.command(c.DeleteDocument, "a")
        wait_until(lambda: not process_runs(world.journalled()[0][4]), seconds=5)
    assert world.topics("a")[-1] == "DocumentDeleted"


def test_pausing_lets_the_stage_finish_and_starts_no_other(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a", options={"alpha": {"sleepSeconds": 0.7}})
        wait_until(lambda: world.status("a", "alpha") is RUNS)
        world.command(c.PauseWorkflow, "a")
        wait_until(lambda: world.status("a", "alpha") is COMPLETED)
        time.sleep(0.5)
        assert world.status("a", "beta") is PENDING
        world.command(c.ResumeWorkflow, "a")
        wait_until(lambda: world.is_done("a"))


def test_a_lost_lease_ends_the_executor_quietly(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox, lease_seconds=3.0):
        world.register("a", options={"alpha": {"sleepSeconds": 60}})
        wait_until(lambda: world.journalled() != [])
        version = world.state("a").version
        world.query("DELETE FROM stage_leases RETURNING lease_id")
        wait_until(lambda: not process_runs(world.journalled()[0][4]), seconds=6)
        time.sleep(0.3)
        assert world.state("a").version == version


def test_leases_are_renewed_while_a_stage_runs(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox, lease_seconds=1.5):
        world.register("a", options={"alpha": {"sleepSeconds": 4}})
        wait_until(lambda: world.journalled() != [])
        while not world.is_done("a"):
            (left,) = [
                row[0] for row in world.query("SELECT max(expires_at) - now() FROM stage_leases")
            ]
            assert left is None or left.total_seconds() > 0
            time.sleep(0.1)
    assert "StageFailed" not in world.topics("a")


def test_stopping_finishes_what_runs_and_starts_nothing(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox) as worker:
        world.register("a", options={"alpha": {"sleepSeconds": 1}})
        wait_until(lambda: world.journalled() != [])
        worker.stop()
        worker.stop()
    assert world.status("a", "alpha") is COMPLETED
    assert world.status("a", "beta") is PENDING
    assert leases(world) == 0
    with at_work(world, sandbox, name="w2"):
        assert wait_until(lambda: world.is_done("a")) < 5


def test_what_outlasts_the_grace_is_given_up_and_retried_at_once(
    world: World, sandbox: Sandbox
) -> None:
    with at_work(world, sandbox, grace_seconds=0.3) as worker:
        world.register("a", options={"alpha": {"sleepSeconds": 2.5}}, retries=0)
        wait_until(lambda: world.journalled() != [])
        worker.stop()
        wait_until(lambda: "StageRetried" in world.topics("a"), seconds=3)
    (failure,) = [event for event in world.events("a") if isinstance(event, e.StageFailed)]
    assert failure.reason is FailureReason.WORKER_STOPPED
    assert leases(world) == 0
    with at_work(world, sandbox, name="w2"):
        wait_until(lambda: world.status("a", "alpha") is RUNS, seconds=4)
        wait_until(lambda: world.is_done("a"))
    assert world.state("a").stages["alpha"].attempt == 2


def test_many_jobs_for_one_document_start_each_attempt_once(world: World, sandbox: Sandbox) -> None:
    with world.connect() as connection:
        connection.execute("INSERT INTO tracking VALUES ('dispatcher', 0)")
    worker = new_worker(world, sandbox, slots=4)
    with running(worker, Dispatcher(world.dsn), Dispatcher(world.dsn)):
        world.register("a", options={"beta": {"sleepSeconds": 0.5}})
        for _ in range(10):
            world.command(c.PauseWorkflow, "a")
            world.command(c.ResumeWorkflow, "a")
        wait_until(lambda: world.is_done("a"))
    started = [event for event in world.events("a") if isinstance(event, e.StageStarted)]
    assert [event.stage_name for event in started] == list(STAGES)
    assert len(world.journalled()) == 2 * len(STAGES)


def test_a_lone_document_waits_for_no_poll(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox, executor_of=echo_in_process):
        world.register("warm-up")
        wait_until(lambda: world.is_done("warm-up"))
        waits = []
        for number in range(8):
            time.sleep(0.2 + 0.07 * number)
            world.register(f"a-{number}")
            waits.append(wait_until(lambda n=number: world.is_done(f"a-{n}")))  # type: ignore[misc]
    assert max(waits) < 3  # the queue is looked at every 5 s


def test_a_report_from_outside_beats_the_worker(world: World, sandbox: Sandbox) -> None:
    with at_work(world, sandbox):
        world.register("a", WorkflowType.MANUAL, options={"alpha": {"sleepSeconds": 1}})
        world.command(c.RequestStage, "a", stage_name="alpha")
        wait_until(lambda: world.journalled() != [])
        world.command(
            c.FailStage, "a", stage_name="alpha", completed_at=datetime.now(UTC), error_message="no"
        )
        wait_until(lambda: leases(world) == 0)
    assert world.topics("a")[-1] == "StageFailed"
    assert world.state("a").stages["alpha"].attempt == 1


def test_a_database_that_goes_away_is_waited_for(world: World, sandbox: Sandbox) -> None:
    """All connections are cut several times while documents are under way."""
    ids = [f"a-{number}" for number in range(12)]
    # Where the cuts cost a lease, the attempt is the reaper's to end.
    reaper = Reaper(world.dsn, world.commands, look_seconds=0.5)
    with at_work(world, sandbox, lease_seconds=3.0), running(reaper), ExitStack() as stack:
        stop = threading.Event()
        cutter = threading.Thread(target=cut_connections, args=(world, stop))
        cutter.start()
        stack.callback(cutter.join)
        stack.callback(stop.set)
        for document_id in ids:
            world.register(document_id, options={"beta": {"sleepSeconds": 0.2}})
        wait_until(lambda: all(world.is_done(document_id) for document_id in ids), seconds=60)
    for document_id in ids:
        started = [
            event for event in world.events(document_id) if isinstance(event, e.StageStarted)
        ]
        assert len(started) == len({(event.stage_name, event.attempt) for event in started})


def cut_connections(world: World, stop: threading.Event) -> None:
    for _ in range(5):
        if stop.wait(0.4):
            return
        world.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'docledger %%'"
            " AND pid <> pg_backend_pid()"
        )


def process_runs(pid: str) -> bool:
    """Tell whether a sandbox's child is alive."""
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().split()[2] != "Z"
    except OSError:
        return False


def test_commands_are_refused_as_everywhere(world: World) -> None:
    """The pipeline of these tests behaves as any other."""
    world.register("a", WorkflowType.MANUAL)
    with pytest.raises(IllegalTransition):
        world.command(c.StartStage, "a", stage_name="gamma")
