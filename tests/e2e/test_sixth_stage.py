"""A sixth stage as the how-to says: a package with an executor, one command, and nothing else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.installation import Installation, installed, wait_for
from e2e.truth import STAGES, assert_everything_agrees, pages

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-stage.md"
ADD = "stages add word-count --after markdown-conversion"


def _block(language: str) -> str:
    """Return the how-to's block of code in this language."""
    found = re.search(rf"```{language}\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    assert found is not None
    return re.sub("^   ", "", found[1], flags=re.MULTILINE)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The how-to's package, installed into a folder as pip would."""
    metadata = tmp_path / "packages" / "my_package-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata.parent / "my_package.py").write_text(_block("python"))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        _block("toml")
        .replace('project.entry-points."docledger.stages"', "docledger.stages")
        .replace('"', "")
    )
    return metadata.parent


@pytest.fixture
def installation() -> Iterator[Installation]:
    with installed() as made:
        yield made


def extend(installation: Installation, package: Path) -> None:
    """Have what starts from now on find the package."""
    before = installation.environment.get("PYTHONPATH", "")
    installation.environment["PYTHONPATH"] = f"{package}{os.pathsep}{before}"


def test_it_runs_without_a_change_to_code_or_schema(
    installation: Installation, package: Path
) -> None:
    extend(installation, package)
    service = installation.up()
    wait_for(lambda: installation.json("status")["workers"])
    for line in _block("sh").splitlines():
        done = installation.run(*line.split()[1:])
        assert done.returncode == 0, done.stderr
    assert "1 of 1" in done.stdout
    with service.client() as client:
        document = {
            "id": "six",
            "title": "Six",
            "content": "# Varn\n\nThe lamp.\n",
            "workflowType": "automatic",
        }
        answer = client.post("/v1/documents", json=document)
        assert answer.status_code == 201, answer.text
        assert answer.json()["processingWorkflow"]["totalStages"] == 6
        path = "/v1/documents/six"
        wait_for(lambda: client.get(f"{path}/workflow").json()["status"] != "running")
        stages = pages(client, f"{path}/stages")
        assert [(s["stageName"], s["status"]) for s in stages] == [
            (name, "completed") for name in (*STAGES, "word-count")
        ]
        file = client.get(f"{path}/stages/word-count/files/six.counts.json")
        assert json.loads(file.content) == {"words": 4}
        assert stages[-1]["metadata"] == {"words": 4}
        options = {"stages": {"word-count": {"options": {"a": 1}}}}
        unknown = client.post(
            "/v1/documents", json={"title": "x", "content": "x", "configuration": options}
        )
        assert unknown.status_code == 422
        assert_everything_agrees(installation, client)
    assert service.stop() == 0


def test_until_a_worker_has_the_executor_its_stage_waits(
    installation: Installation, package: Path
) -> None:
    """The service runs without the package; then a second worker is started with it."""
    service = installation.up()
    wait_for(lambda: installation.json("status")["workers"])
    added = installation.run(*ADD.split())
    assert added.returncode == 0, added.stderr
    assert "0 of 1 workers can run it" in added.stdout
    with service.client() as client:
        document = {"id": "six", "title": "Six", "content": "# Varn\n", "workflowType": "automatic"}
        assert client.post("/v1/documents", json=document).status_code == 201
        path = "/v1/documents/six"
        waiting = {"stageName": "word-count", "reason": "noExecutor"}
        wait_for(lambda: client.get(path).json()["processingWorkflow"]["waitingFor"] == waiting)
        stages = {stage["stageName"]: stage for stage in client.get(path).json()["stages"]}
        assert stages["ingestor"]["status"] == "completed"
        assert stages["word-count"]["status"] == "pending"
        assert stages["word-count"]["waitingFor"] == waiting
        assert client.get(f"{path}/stages/word-count").json()["waitingFor"] == waiting
        listed = client.get("/v1/documents").json()["items"][0]
        assert listed["processingWorkflow"]["waitingFor"] == waiting
        status = installation.json("status")
        assert status["waiting"] == [
            {"stageName": "word-count", "reason": "noExecutor", "documents": 1}
        ]
        extend(installation, package)
        worker = installation.start("work")
        wait_for(lambda: client.get(f"{path}/workflow").json()["status"] == "completed")
        done = client.get(f"{path}/stages/word-count").json()
        assert (done["status"], done["attempt"], done["waitingFor"]) == ("completed", 1, None)
    assert worker.stop() == 0
    assert service.stop() == 0
