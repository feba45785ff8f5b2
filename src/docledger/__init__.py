"""What plug-ins import: the port of a stage's executor and the errors that it may raise.

    from docledger import Options, ProducedFile, StageOutcome, StageTask

All else in docledger's packages may change from one version to the next.
"""

from __future__ import annotations

from stages.errors import (
    ExecutorFailed,
    InputMissing,
    OptionsInvalid,
    StageError,
    UnconvertibleDocument,
)
from stages.executor import (
    ORIGINAL,
    Executor,
    InputFile,
    Options,
    ProducedFile,
    StageOutcome,
    StageTask,
)

__all__ = [
    "Executor",
    "Options",
    "StageTask",
    "InputFile",
    "ORIGINAL",
    "StageOutcome",
    "ProducedFile",
    "StageError",
    "UnconvertibleDocument",
    "InputMissing",
    "OptionsInvalid",
    "ExecutorFailed",
]
