"""Install pinned packages by uv, with the index settings of pip: uv_install.py REQUIREMENTS...

Goes into the environment whose Python runs it. uv does not read pip's configuration, so that is
handed over; what is set for uv itself (`UV_...`) comes first.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_SECTIONS = ("global", "install", ":env:")
"""Where pip's settings are, the later ones taking precedence."""
_OPTIONS = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
    "no-binary": "--no-binary",
    "only-binary": "--only-binary",
}
_VARIABLES = {
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("HTTP_PROXY", "HTTPS_PROXY"),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "default-timeout": ("UV_HTTP_TIMEOUT",),
    "retries": ("UV_HTTP_RETRIES",),
}
_OF_UV = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX"}
_TRUE = frozenset(("1", "true", "yes", "on"))


def main(requirements: list[str]) -> int:
    """Run uv and return its exit code, that of a command that is not there where it is not."""
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        return 127
    settings = pip_settings(pip_config())
    command = [str(uv), "pip", "install", "--python", sys.executable, "--require-hashes"]
    for file in requirements:
        command += ["--requirement", file]
    command += options(settings, os.environ)
    environment = {**variables(settings), **os.environ}
    return subprocess.run(command, check=False, env=environment).returncode


def pip_config() -> str:
    """Return pip's settings, a line each, of its files and of the environment."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def pip_settings(listed: str) -> dict[str, str]:
    """Return pip's settings by name from what `pip config list` prints."""
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.partition(".")
        if section in found:
            found[section][name] = str(ast.literal_eval(value))
    return {name: value for section in _SECTIONS for name, value in found[section].items()}


def options(settings: Mapping[str, str], environment: Mapping[str, str]) -> list[str]:
    """Return uv's options for the settings of pip."""
    given: list[str] = []
    for name, option in _OPTIONS.items():
        if _OF_UV.get(name, "") not in environment:
            for value in settings.get(name, "").replace(",", " ").split():
                given += [option, value]
    if settings.get("no-index", "").lower() in _TRUE:
        given.append("--no-index")
    if settings.get("keyring-provider") == "subprocess":
        given += ["--keyring-provider", "subprocess"]
    if "--index" in given:
        # As pip does it: the best version of any index. The hashes say that it is the right one.
        given += ["--index-strategy", "unsafe-best-match"]
    return given


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that hands uv the rest of pip's settings."""
    return {
        variable: settings[name]
        for name, names in _VARIABLES.items()
        if name in settings
        for variable in names
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
