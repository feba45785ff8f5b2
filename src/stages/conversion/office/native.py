"""Turn what libraries in Rust raise on documents that they did not expect into errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stages.errors import UnconvertibleDocument

_PANIC = "PanicException"  # derives from BaseException; the library that defines it exports no name


@contextmanager
def native_panics(damaged: str) -> Iterator[None]:
    """Raise UnconvertibleDocument with this message where a library panics."""
    try:
        yield
    except Exception:
        raise
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise UnconvertibleDocument(damaged) from error
