"""Why docledger keeps less of a file than it should, or refuses it; written by people."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_FILE = Path(__file__).with_name("explanations.toml")


@dataclass(frozen=True)
class Explanation:
    """The reason, and whether refusing the file is right, so that no mean counts it."""

    why: str
    refused_rightly: bool = False


class Explanations(dict[str, Explanation]):
    """Explanations by the last two parts of the file's path."""

    @classmethod
    def read(cls, path: Path = _FILE) -> Self:
        """Return what is in the file; raises ValueError for an empty or repeated one."""
        found = cls()
        for each in tomllib.loads(path.read_text(encoding="utf-8"))["file"]:
            if each["name"] in found or not each["why"].strip():
                raise ValueError(f"{path.name}: {each['name']} has two explanations or none")
            found[each["name"]] = Explanation(each["why"], each.get("refused_rightly", False))
        return found
