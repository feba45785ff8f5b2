"""What a check of the ledger against itself can find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "row-changed",
    "row-missing",
    "row-extra",
    "parked",
    "stream",
    "event-altered",
    "event-removed",
    "event-inserted",
    "event-order",
    "seal",
    "blob-missing",
    "blob-changed",
    "tree-missing",
    "tree-extra",
    "tree-changed",
    "search-missing",
    "search-extra",
    "search-changed",
    "search-realm",
    "tracking",
]
"""What is wrong, in a word that scripts can go by."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as the log says, or a log that is not as it was sealed.

    `document_id` is None where no single document is meant. `detail` holds no content and no title;
    a file is named by its path.
    """

    document_id: str | None
    kind: Kind
    detail: str
