"""Settings come from the environment, and a wrong one is told by its variable's name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from docledger.settings import Settings, SettingsError


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DOCLEDGER_"):
            monkeypatch.delenv(name)


def test_without_any_the_home_is_in_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = Settings.load()

    assert settings.home == tmp_path / ".docledger"
    assert settings.uses_embedded_postgres
    assert settings.storage_location == (tmp_path / ".docledger/uploads").as_uri()
    assert settings.worker_slots == os.cpu_count()


def test_given_ones_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCLEDGER_PORT", "9000")
    monkeypatch.setenv("DOCLEDGER_HOST", "::1")

    settings = Settings.load(port=9001, host=None)

    assert (settings.port, settings.host) == (9001, "::1")


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCLEDGER_DATABASE_URL", "")

    assert Settings.load().uses_embedded_postgres


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DOCLEDGER_PORT", "http"),
        ("DOCLEDGER_PORT", "65536"),
        ("DOCLEDGER_WORKER_SLOTS", "0"),
        ("DOCLEDGER_LEASE_SECONDS", "0.1"),
        ("DOCLEDGER_LOG_LEVEL", "loud"),
        ("DOCLEDGER_DATABASE_URL", "mysql://root:hunter2@host/x"),
        ("DOCLEDGER_STORAGE_URL", "ftp://host/x"),
        ("DOCLEDGER_STORAGE_URL", "s3:///prefix"),
        ("DOCLEDGER_STORAGE_URL", "file:///"),
        ("DOCLEDGER_HOME", "/dev/null"),
    ],
)
def test_a_bad_value_is_told_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as caught:
        Settings.load()

    assert str(caught.value).startswith(f"{name}: ")
    assert "hunter2" not in str(caught.value)


def test_a_misspelt_variable_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCLEDGER_DATABSE_URL", "postgresql:///x")

    with pytest.raises(SettingsError, match="did you mean DOCLEDGER_DATABASE_URL"):
        Settings.load()


def test_a_password_is_not_shown() -> None:
    settings = Settings.load(database_url="postgresql://me:hunter2@host/x")

    assert "hunter2" not in repr(settings)
