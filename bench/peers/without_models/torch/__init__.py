"""Stands for torch, which docling imports by name although no model runs."""

from __future__ import annotations

import sys
import types
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

__version__ = "0"
_STANDS_FOR = ("torch.", "torchvision", "transformers")


class _AnyClass(type):
    def __getattr__(cls, name: str) -> Any:
        return _anything(name)


class _Anything(metaclass=_AnyClass):
    """A class, function or value of any name."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *given: Any, **_: Any) -> Any:
        return given[0] if given else self

    def __getattr__(self, name: str) -> Any:
        return _anything(name)()


def _anything(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _Anything


def __getattr__(name: str) -> Any:
    return _anything(name)


class _Modules(MetaPathFinder, Loader):
    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.startswith(_STANDS_FOR) else None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        module.__path__ = []
        module.__dict__.update(__version__="0", __getattr__=_anything)
        return module

    def exec_module(self, _: types.ModuleType) -> None:
        pass


sys.meta_path.append(_Modules())
