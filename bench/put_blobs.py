"""Measure putting blobs against a plain copy with fsync: MB/s, as one JSON line."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from files.blobs import pieces_of
from files.local_blobs import LocalBlobStore
from files.tree import UploadsTree

ROUNDS = 5


def plain_copy(source: Path, target: Path) -> None:
    """Copy piece by piece and sync, hashing nothing."""
    with target.open("wb", buffering=0) as copy:
        for piece in pieces_of(source):
            copy.write(piece)
        os.fsync(copy.fileno())


def seconds(act: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def compare(folder: Path, size_bytes: int, count: int) -> dict[str, float]:
    """Put and copy `count` files of a size, in turn; medians in MB/s and ms a file."""
    store = LocalBlobStore(folder / f"store-{size_bytes}")
    puts: list[float] = []
    copies: list[float] = []
    hashes: list[float] = []
    for number in range(ROUNDS * count):
        content = os.urandom(size_bytes)
        source = folder / "source"
        source.write_bytes(content)
        os.sync()  # what was not written back yet would count for whoever comes first
        target = folder / f"copy-{size_bytes}-{number}"
        acts: list[tuple[list[float], Callable[[], object]]] = [
            (puts, partial(store.put_file, source)),
            (copies, partial(plain_copy, source, target)),
        ]
        for taken, act in acts if number % 2 else reversed(acts):
            taken.append(seconds(act))
        hashes.append(seconds(partial(hashlib.sha256, content)))
        target.unlink()
    medians = {"put": puts, "copy_fsync": copies, "sha256": hashes}
    figures = {name: statistics.median(taken) for name, taken in medians.items()}
    return {
        **{f"{name}_mb_s": round(size_bytes / 1e6 / taken, 1) for name, taken in figures.items()},
        **{f"{name}_ms": round(taken * 1e3, 2) for name, taken in figures.items()},
    }


def reconciles(folder: Path) -> dict[str, float]:
    """Make the folders of documents with six files each, then look at them again."""
    blobs = LocalBlobStore(folder)
    tree = UploadsTree(folder, blobs)
    stages = "abcde"
    wanted = {}
    for number in range(200):
        top = f"documents/doc-{number}"
        paths = [f"{top}/original/x.pdf", *(f"{top}/stages/{stage}/x.md" for stage in stages)]
        wanted[f"doc-{number}"] = {
            path: blobs.put_stream([f"{path}".encode()]).checksum for path in paths
        }

    def reconcile_all() -> None:
        for document_id, files in wanted.items():
            tree.reconcile(document_id, files)
        tree.sync()

    return {
        "new_documents_s": round(200 / seconds(reconcile_all), 1),
        "unchanged_documents_s": round(200 / seconds(reconcile_all), 1),
    }


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = {"10 kB": (10_000, 40), "1 MB": (1_000_000, 10), "100 MB": (100_000_000, 1)}
        figures = {label: compare(folder, *size) for label, size in sizes.items()}
        print(json.dumps({"blobs": figures, "tree": reconciles(folder / "tree")}))


if __name__ == "__main__":
    main()
