"""Convert the files named on standard input, each in a process of its own; a line of JSON each.

    python runner.py NAME SECONDS < paths

NAME is `docledger`, `markitdown` or `kreuzberg`; the Markdown goes beside nothing into the answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

_MEMORY_BYTES = 6 << 30
Convert = Callable[[Path], str]


def _docledger() -> tuple[str, Convert]:
    from stages.conversion.executor import convert
    from stages.conversion.result import ConversionOptions
    from stages.executor import InputFile

    def run(path: Path) -> str:
        size = path.stat().st_size
        source = InputFile(None, "original", path, path.name, "application/octet-stream", "", size)
        return convert(source, ConversionOptions())[1].markdown

    return "", run


def _markitdown() -> tuple[str, Convert]:
    from markitdown import MarkItDown

    converter = MarkItDown()
    return version("markitdown"), lambda path: str(converter.convert(path).text_content)


def _kreuzberg() -> tuple[str, Convert]:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(output_format="markdown", use_cache=False)
    return version("kreuzberg"), lambda path: str(
        kreuzberg.extract_file_sync(str(path), config=config).content
    )


def main() -> None:
    name, seconds = sys.argv[1], float(sys.argv[2])
    found, convert = {
        "docledger": _docledger,
        "markitdown": _markitdown,
        "kreuzberg": _kreuzberg,
    }[name]()
    print(json.dumps({"version": found}), flush=True)
    warmed = set[str]()
    for line in sys.stdin:
        path = Path(line.rstrip("\n"))
        if path.suffix not in warmed:  # what is imported at first use counts for nobody's file
            warmed.add(path.suffix)
            with contextlib.suppress(Exception):
                convert(path)
        print(json.dumps(_measured(convert, path, seconds)), flush=True)


def _measured(convert: Convert, path: Path, seconds: float) -> dict[str, object]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        signal.alarm(int(seconds))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        with os.fdopen(writing, "wb") as out:
            out.write(json.dumps(_answer(convert, path)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        answer = told.read()
    _, status, usage = os.wait4(child, 0)
    result = json.loads(answer) if answer else {"error": f"died with status {status}"}
    return {**result, "megabytes": usage.ru_maxrss / 1024}


def _answer(convert: Convert, path: Path) -> dict[str, object]:
    before, started = time.process_time(), time.perf_counter()
    try:
        markdown = convert(path)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    return {
        "markdown": markdown.encode("utf-8", "replace").decode(),
        "seconds": time.perf_counter() - started,
        "cpuSeconds": time.process_time() - before,
    }


if __name__ == "__main__":
    main()
