"""What becomes of a stage's files, and of what was made of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from domain import commands as c
from domain import events as e
from domain.decisions.decision import Decision
from domain.decisions.requirements import (
    current_stage,
    refuse_while_downstream_runs,
    require_open_workflow,
    require_startable,
    require_status,
)
from domain.document_workflow import FileState, StageState
from domain.errors import IllegalTransition, InvalidValue
from domain.values import OutputFile, StageStatus


def register_file(decision: Decision, command: c.RegisterOutputFile) -> None:
    """Add a file: staged for the attempt, or current at once if the stage is completed."""
    stage = current_stage(decision, command)
    require_status(
        stage,
        "given files",
        StageStatus.PENDING,
        StageStatus.IN_PROGRESS,
        StageStatus.COMPLETED,
    )
    require_open_workflow(decision, even_paused=True)
    if stage.status is StageStatus.COMPLETED:
        refuse_while_downstream_runs(decision, stage.name)
        before = contents(stage.files)
        _register(decision, stage.name, command.file, current=True)
        if contents(decision.state.stages[stage.name].files) != before:
            reset_downstream(decision, stage.name)
        return
    if stage.status is StageStatus.PENDING:
        require_startable(decision, stage.name)
    _register(decision, stage.name, command.file, current=False)


def stage_files(decision: Decision, name: str, files: tuple[OutputFile, ...]) -> None:
    """Record what the attempt made; files of other types are then current no more."""
    for file in files:
        _register(decision, name, file, current=False)
    stage = decision.state.stages[name]
    if stage.staged:
        remove_files(decision, stage, but=stage.staged)


def remove_files(decision: Decision, stage: StageState, *, but: Collection[str] = ()) -> None:
    """Record that the stage's files are current no more, except those of the types in `but`."""
    for file_type in stage.files:
        if file_type not in but:
            decision.record(e.OutputFileRemoved, stage_name=stage.name, file_type=file_type)


def reset_downstream(decision: Decision, name: str) -> list[str]:
    """Make pending again what used the stage's output; return the names of these stages."""
    used = (StageStatus.COMPLETED, StageStatus.FAILED)
    stages = decision.state.stages
    names = [o for o in decision.state.pipeline.downstream(name) if stages[o].status in used]
    for other in names:
        attempt = stages[other].attempt + 1
        decision.record_stage(e.StageReset, other, attempt=attempt, because_of=name)
    return names


def _register(decision: Decision, name: str, file: OutputFile, *, current: bool) -> None:
    stage = decision.state.stages[name]
    # What is current now gives way to what is staged, so their names may meet.
    _refuse_taken_name(decision, stage.files if current else stage.staged, file)
    personal = None
    if file.file_name is not None or file.outside_metadata is not None:
        personal = e.FilePersonal(file_name=file.file_name, metadata=file.outside_metadata)
    decision.record_stage(
        e.OutputFileRegistered,
        name,
        file_type=file.file_type,
        suffix=file.suffix,
        checksum=file.checksum,
        canonical_checksum=file.canonical_checksum,
        size_bytes=file.size_bytes,
        mime_type=file.mime_type,
        file_version=decision.state.file_versions.get((name, file.file_type), 0) + 1,
        current=current,
        metadata=file.metadata,
        personal=personal,
    )


def _refuse_taken_name(
    decision: Decision, others: Mapping[str, FileState], file: OutputFile
) -> None:
    name = decision.state.output_name(file.suffix, file.file_name)
    for other in others.values():
        if other.name == name and other.file_type != file.file_type:
            raise IllegalTransition(
                f"The stage has another file, of type '{other.file_type}', under the name of the "
                f"one of type '{file.file_type}'; give this one another name."
            )


def refuse_types_given_twice(files: tuple[OutputFile, ...]) -> None:
    """Refuse two files of one type in one report: only one of them could become current."""
    types = [file.file_type for file in files]
    for index, file_type in enumerate(types):
        if file_type in types[:index]:
            field = f"outputFiles.{index}.fileType"
            raise InvalidValue(f"{field}: there is one of type '{file_type}' already.", field=field)


Contents = dict[str, tuple[str, object]]
"""What files of a stage say, by their types, in a form that can be compared."""


def contents(files: Mapping[str, FileState]) -> Contents:
    """Return what tells whether these files say the same, on the same pages, as others."""
    return {file.file_type: (file.canonical_checksum, file.page_starts) for file in files.values()}
