"""Copies of records with some fields changed, as cheap as they can be made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

Record = TypeVar("Record")


def replaced(record: Record, **changes: Any) -> Record:
    """Return a slotted dataclass instance like this one with some fields changed.

    It does what `dataclasses.replace` does several times faster; every event takes a few.
    """
    record_type: Any = type(record)
    copy: Callable[..., Record] = _copier(record_type, *changes)
    return copy(record, *changes.values())


@cache
def _copier(record_type: Any, *changed: str) -> Callable[..., Any]:
    """Return a function written out for these fields: a loop over all would take longer."""
    names = [f.name for f in fields(record_type)]
    if unknown := set(changed).difference(names):
        raise TypeError(f"{record_type.__name__} has no {', '.join(sorted(unknown))}.")
    values = {name: f"given_{name}" if name in changed else f"record.{name}" for name in names}
    lines = [
        f"def copy({', '.join(['record', *(f'given_{name}' for name in changed)])}):",
        "    made = new(record_type)",
        *(f"    set_{name}(made, {value})" for name, value in values.items()),
        "    return made",
    ]
    known = {f"set_{name}": getattr(record_type, name).__set__ for name in names}
    made: dict[str, Any] = {"new": object.__new__, "record_type": record_type, **known}
    exec("\n".join(lines), made)  # noqa: S102 - of names that a class of ours declares
    copier: Callable[..., Any] = made["copy"]
    return copier
