"""Tasks, inputs and broken documents for the tests of stages."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from stages.conversion.executor import convert
from stages.conversion.result import ConversionOptions, Converted
from stages.executor import Executor, InputFile, StageOutcome, StageTask

SAMPLES = Path(__file__).parents[3] / "samples"


def input_file(
    path: Path,
    *,
    file_type: str = "original",
    stage_name: str | None = None,
    name: str | None = None,
    mime_type: str = "application/octet-stream",
) -> InputFile:
    """Describe a file as a worker would."""
    content = path.read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    return InputFile(
        stage_name, file_type, path, name or path.name, mime_type, checksum, len(content)
    )


def task_of(
    stage_name: str,
    work_dir: Path,
    *inputs: InputFile,
    options: Mapping[str, Any] | None = None,
    document_id: str = "doc-1",
    realm_id: str | None = None,
) -> StageTask:
    """Make a task whose working folder is made as well."""
    work_dir.mkdir(parents=True, exist_ok=True)
    return StageTask(document_id, realm_id, stage_name, 1, inputs, options or {}, work_dir)


def output_of(executor: Executor, outcome: StageOutcome) -> InputFile:
    """Describe the one file of an outcome as the next stage's input."""
    (file,) = outcome.files
    return input_file(file.path, file_type=executor.file_type, stage_name=executor.stage_name)


def converted(path: Path, *, name: str | None = None, **options: object) -> Converted:
    """Convert a file with these options."""
    source = input_file(path, name=name)
    return convert(source, ConversionOptions.model_validate(options))[1]


def converted_bytes(
    folder: Path, content: bytes, name: str, mime_type: str = "application/octet-stream"
) -> Converted:
    """Convert content that is handed in by this name."""
    path = folder / "content"
    path.write_bytes(content)
    source = input_file(path, name=name, mime_type=mime_type)
    return convert(source, ConversionOptions())[1]


def zip_of(parts: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def with_part(archive: bytes, name: str, content: bytes) -> bytes:
    """Return the archive with one part replaced or added."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        parts = {each: source.read(each) for each in source.namelist()}
    return zip_of({**parts, name: content})


def pdf_of_chapters(count: int) -> bytes:
    """Make a PDF of so many pages, each a chapter with a heading, its one line and a number."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    for number in range(1, count + 1):
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(70, 770, f"Chapter {number}: Varn in 190{number}")
        canvas.setFont("Helvetica", 10)
        canvas.drawString(70, 740, f"The gauge stood at {number * 7} cm on day {number + 40}.")
        canvas.drawString(70, 720, "The clerk wrote it down.")
        canvas.drawString(70, 700, f"He went home at {number * 3} o'clock on day {number + 50}.")
        canvas.setFont("Helvetica-Bold", 12)
        canvas.drawString(290, 40, f"Chapters of Varn, page {number}")
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
