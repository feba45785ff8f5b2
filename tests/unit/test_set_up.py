"""Packages are installed by uv, from where pip is told to look for them."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

SCRIPT: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[2] / "scripts/uv_install.py"))

LISTED = """\
global.index-url='https://one.invalid/simple'
global.extra-index-url='https://two.invalid/simple\\nhttps://three.invalid/simple'
global.constraint='/etc/constraints.txt'
install.no-binary='lxml,cffi'
install.index-url='https://four.invalid/simple'
global.cert='/etc/ca.pem'
list.format='columns'
:env:.timeout='180'
"""


def test_the_settings_of_pip_become_those_of_uv() -> None:
    settings = SCRIPT["pip_settings"](LISTED)
    assert SCRIPT["options"](settings, {}) == [
        *("--default-index", "https://four.invalid/simple"),
        *("--index", "https://two.invalid/simple", "--index", "https://three.invalid/simple"),
        *("--no-binary", "lxml", "--no-binary", "cffi"),
        *("--index-strategy", "unsafe-best-match"),
    ]
    assert SCRIPT["variables"](settings) == {
        "SSL_CERT_FILE": "/etc/ca.pem",
        "UV_HTTP_TIMEOUT": "180",
    }


def test_what_is_set_for_uv_itself_comes_first() -> None:
    settings = SCRIPT["pip_settings"](LISTED)
    given = SCRIPT["options"](settings, {"UV_DEFAULT_INDEX": "https://five.invalid/simple"})
    assert "--default-index" not in given
    assert "--index" in given


@pytest.mark.parametrize("value", ["", "false", "0"])
def test_a_setting_that_is_off_is_not_handed_over(value: str) -> None:
    assert SCRIPT["options"]({"no-index": value, "keyring-provider": "auto"}, {}) == []
