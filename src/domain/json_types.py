"""Names for JSON as Python holds it; what a value may be, only its reader can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""An object, to be added to."""

JsonMapping: TypeAlias = Mapping[str, Any]
"""An object that is only read."""
