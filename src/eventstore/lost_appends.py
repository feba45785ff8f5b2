"""Finds out what became of appends whose acknowledgement was lost with the connection."""

from __future__ import annotations

from domain.errors import LogUnreadable
from domain.events import Event
from eventstore.append_round import Committed, Waiting
from eventstore.application import WorkflowApplication
from eventstore.history import History
from eventstore.recorded import RecordedEvent
from eventstore.snapshots import Snapshot, Snapshots


def settle(
    batch: list[Waiting], application: WorkflowApplication, snapshots: Snapshots
) -> dict[str, Snapshot | LogUnreadable]:
    """Answer the commands in doubt whose events are in the log; return what was loaded for that.

    Whatever the lost connection's server still does is waited for. An append that comes even
    later finds the stream's head moved, or makes the new one lose and is found here again.
    """
    doubtful = [w for w in batch if w.in_doubt_after is not None and not w.is_answered]
    if not doubtful:
        return {}
    application.append_recorder.wait_for_appends()
    streams = History(application).streams({waiting.document_id for waiting in doubtful})
    for waiting in doubtful:
        stream = streams[waiting.document_id]
        if own := [number for number, recorded in enumerate(stream) if _led_to(waiting, recorded)]:
            events = tuple(stream[number] for number in own)
            _answer(waiting, events, stream[: own[-1] + 1], snapshots)
    return snapshots.replay(streams)


def _led_to(waiting: Waiting, recorded: RecordedEvent) -> bool:
    event = recorded.event
    return (
        isinstance(event, Event)
        and event.version > (waiting.in_doubt_after or 0)
        and event.command_id == waiting.command.context.command_id
    )


def _answer(
    waiting: Waiting,
    events: tuple[RecordedEvent, ...],
    stream: list[RecordedEvent],
    snapshots: Snapshots,
) -> None:
    unborn = Snapshot.unborn(waiting.document_id, snapshots.view)
    try:
        waiting.answer(Committed.of(unborn.after(stream, snapshots.view), events))
    except LogUnreadable as error:
        waiting.fail(error)
