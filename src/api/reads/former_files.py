"""Keeps files of a former life from being taken in by way of the uploads tree.

The tree follows the log: for a moment after an id was registered again, the document's folder
still holds what was the former document's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from api.http.errors import NotYetReadable
from api.reads.queries import Queries
from domain.file_names import document_folder

_LOOK_SECONDS = 0.05


async def require_own_files(
    queries: Queries, document_id: str, paths: Iterable[str], patience_seconds: float
) -> None:
    """Wait until files at these paths are this life's, if they lie in the document's folder.

    Raises NotYetReadable when the uploads tree does not get there in time.
    """
    folder = ["documents", document_folder(document_id)]
    if all(_parts(path)[:2] != folder for path in paths):
        return
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_seconds
    while not await queries.former_files_are_gone(document_id):
        if loop.time() > until:
            raise NotYetReadable(
                "The document's folder still holds files of a deleted document of this id; "
                "try again in a moment."
            )
        await asyncio.sleep(_LOOK_SECONDS)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]
