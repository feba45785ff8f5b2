"""verify, seal and prove as a person or a script calls them, and the checker that needs neither."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docledger.commands import seal as seal_command
from docledger.commands import verify as verify_command
from domain.errors import DocumentNotFound
from e2e.installation import installed
from eventstore.seals.checkpoint import SignedNote
from eventstore.seals.sealer import AlteredSinceSealed
from integration.verify.ledger import Ledger, ledger_at

CHECKER = Path(__file__).parents[3] / "docs" / "prove.py"


class Commands:
    """The commands, called without a process of their own, and what they print."""

    def __init__(self, ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
        self._settings = ledger.docledger.settings
        self._capsys = capsys

    def verify(self, *seals: Path, key: str | None = None, repair: bool = False) -> Any:
        """Return what `verify --json` prints, whose `ok` is what its exit code says."""
        ok = verify_command.verify(
            self._settings, repair=repair, seals=seals, public_key=key, as_json=True
        )
        found = json.loads(self._printed())
        assert found["ok"] is ok
        return found

    def seal(self, until: int | None = None, *, public_key: bool = False) -> str:
        """Return what `seal` prints."""
        seal_command.seal(self._settings, until=until, public_key=public_key)
        return self._printed()

    def prove(self, document_id: str, seal: Path | None = None) -> Any:
        """Return what `prove --json` prints."""
        seal_command.show_proof(self._settings, document_id, kept_seal=seal, as_json=True)
        return json.loads(self._printed())

    def prove_to_people(self, document_id: str) -> str:
        """Return what `prove` prints."""
        seal_command.show_proof(self._settings, document_id, kept_seal=None, as_json=False)
        return self._printed()

    def _printed(self) -> str:
        return self._capsys.readouterr().out


@pytest.fixture
def commands(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(ledger, capsys)


def run_checker(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the checker with nothing but an interpreter, away from the source tree."""
    command = [sys.executable, "-I", "-S", str(CHECKER), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_verify_tells_by_its_exit_code_and_in_json(database: str) -> None:
    with installed(database_url=database) as installation:
        with ledger_at(installation.home, database) as ledger:
            ledger.register("doc-1", "doc-2")
            ledger.catch_up()
            told = installation.run("verify")
            assert (told.returncode, told.stderr) == (0, "")
            assert "4 events, 2 documents, 2 contents" in told.stdout
            assert "everything is as the log says" in told.stdout
            ledger.execute("DELETE FROM processing_workflows WHERE document_id = 'doc-2'")
            last = ledger.docledger.history.last_position()
        missing = {
            "documentId": "doc-2",
            "kind": "row-missing",
            "detail": "processing_workflows: workflow_doc-2",
        }
        told = installation.run("verify", "--json")
        expected = {"ok": False, "position": last, "differences": [missing]}
        assert (told.returncode, json.loads(told.stdout), told.stderr) == (1, expected, "")
        told = installation.run("verify", "--repair")
        assert told.returncode == 0
        assert all(word in told.stdout for word in ("doc-2", "row-missing", "1 of them repaired"))
        assert installation.run("verify").returncode == 0
        no_seal = installation.run("verify", "--seal", CHECKER)
        assert (no_seal.returncode, no_seal.stdout) == (2, "")
        assert no_seal.stderr.startswith("docledger: This is no seal;")
        nobody = installation.run("prove", "nobody")
        assert (nobody.returncode, len(nobody.stderr.splitlines())) == (1, 1)


def test_repairing_tells_what_was_repaired(ledger: Ledger, commands: Commands) -> None:
    ledger.execute("DELETE FROM processing_workflows WHERE document_id = 'doc-2'")
    ledger.blob(ledger.complete("doc-3")).unlink()
    document = commands.verify(repair=True)
    told = document["differences"]
    assert not document["ok"]
    assert {(d["documentId"], d["kind"], d["repaired"]) for d in told} == {
        ("doc-2", "row-missing", True),
        ("doc-3", "blob-missing", False),
    }


def test_a_seal_kept_elsewhere_is_held_against_the_log(
    ledger: Ledger, commands: Commands, tmp_path: Path
) -> None:
    kept, early = tmp_path / "kept.seal", tmp_path / "early.seal"
    kept.write_text(commands.seal())
    early.write_text(commands.seal(until=3))
    assert early.read_text().split("\n")[1] == "3"
    key = commands.seal(public_key=True).strip()
    key_file = ledger.docledger.settings.home / "seal.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600

    ledger.register("doc-4")
    ledger.catch_up()
    assert commands.verify(kept, early)["ok"]
    key_file.unlink()
    assert commands.verify(kept, key=key)["ok"]
    [unsigned] = commands.verify(kept)["differences"]
    assert (unsigned["kind"], "is not signed by" in unsigned["detail"]) == ("seal", True)

    _forge(ledger)
    assert commands.verify()["ok"]
    [forged] = commands.verify(kept, key=key)["differences"]
    assert (forged["kind"], "are not those of the seal" in forged["detail"]) == ("seal", True)


def _forge(ledger: Ledger) -> None:
    """Alter the log's first event and leave no seal in the database that could tell."""
    ledger.execute("DELETE FROM log_seals; DELETE FROM log_seal_tiles")
    ledger.execute("UPDATE docledger_events SET state = state || ' ' WHERE notification_id = 1")


def test_nothing_is_sealed_of_an_empty_log(database: str, tmp_path: Path) -> None:
    with ledger_at(tmp_path, database) as ledger, pytest.raises(seal_command.NothingSealed):
        seal_command.seal(ledger.docledger.settings, until=None, public_key=False)


def test_the_checker_is_short() -> None:
    assert len(CHECKER.read_text().splitlines()) <= 40


def test_a_history_is_proven_to_whoever_kept_a_seal(
    ledger: Ledger, commands: Commands, tmp_path: Path
) -> None:
    kept, proof = tmp_path / "kept.seal", tmp_path / "proof.json"
    kept.write_text(commands.seal())
    root = kept.read_text().split("\n")[2]
    ledger.register(*[f"later-{n}" for n in range(20)])
    proof.write_text(json.dumps(commands.prove("doc-1", kept)))
    done = run_checker(proof, root)
    assert (done.returncode, done.stdout) == (0, "doc-1: 5 events, all in the log of this root\n")

    newest = commands.prove("doc-1")
    assert (newest["size"], len(newest["events"])) == (52, 5)
    assert SignedNote.parse(newest["seal"]).checkpoint.size == 52
    proof.write_text(json.dumps(newest))
    assert run_checker(proof, newest["root"]).returncode == 0
    assert run_checker(proof, root).returncode == 1, "the root of another size"
    assert "5 events are in the log" in commands.prove_to_people("doc-1")

    for spoil in (_other_position, _other_state, _other_document, _one_left_out, _other_hash):
        spoilt = json.loads(json.dumps(newest))
        spoil(spoilt)
        proof.write_text(json.dumps(spoilt))
        done = run_checker(proof, newest["root"])
        assert (done.returncode, done.stdout) == (1, ""), spoil.__name__
        assert "NOT proven" in done.stderr


def _other_position(proof: Any) -> None:
    proof["events"][2]["position"] += 1


def _other_state(proof: Any) -> None:
    proof["events"][2]["state"] = proof["events"][1]["state"]


def _other_document(proof: Any) -> None:
    proof["documentId"] = "doc-2"


def _one_left_out(proof: Any) -> None:
    del proof["events"][2]


def _other_hash(proof: Any) -> None:
    proof["events"][2]["proof"][0] = proof["root"]


def test_no_proof_against_a_seal_of_another_log(
    ledger: Ledger, commands: Commands, tmp_path: Path
) -> None:
    kept = tmp_path / "kept.seal"
    kept.write_text(commands.seal())
    _forge(ledger)
    with pytest.raises(AlteredSinceSealed, match="not the one that this seal is of"):
        commands.prove("doc-2", kept)
    with pytest.raises(DocumentNotFound):
        commands.prove("nobody")
