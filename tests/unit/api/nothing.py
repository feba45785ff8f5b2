"""Ports behind which there is nothing, for tests that never get so far."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from api.ports import Ports

_NOTHING: Any = cast("Any", None)
NO_PORTS = Ports(
    commands=_NOTHING,
    history=_NOTHING,
    past=_NOTHING,
    blobs=_NOTHING,
    stored_files=_NOTHING,
    imported_contents=_NOTHING,
    canonical_checksum=_NOTHING,
    stage_types={},
    search=_NOTHING,
    database=_NOTHING,
    clock=lambda: datetime.now(UTC),
    new_id=lambda: "0199a1b2-0000-7000-8000-000000000000",
)
