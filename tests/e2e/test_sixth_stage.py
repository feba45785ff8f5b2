"""A sixth stage: a package with an executor, two rows of configuration, and nothing else."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from e2e.installation import Installation, installed, wait_for
from e2e.truth import STAGES, assert_everything_agrees, pages

EXECUTOR = '''
"""Counts the words of a document."""

import json

from stages.executor import Options, ProducedFile, StageOutcome


class WordCountOptions(Options):
    least_letters: int = 1


class WordCount:
    stage_name = "word-count"
    file_type = "words_json"
    suffix = ".words.json"
    mime_type = "application/json"
    version = "1"
    in_process = False
    reads = ("optimized_markdown", "markdown")
    options_model = WordCountOptions

    def run(self, task):
        options = task.options_as(WordCountOptions)
        text = task.input_of(*self.reads).path.read_text()
        words = [word for word in text.split() if len(word) >= options.least_letters]
        path = task.work_dir / "words.json"
        path.write_text(json.dumps({"words": len(words)}))
        return StageOutcome(files=(ProducedFile(path),), metadata={"words": len(words)})
'''


@pytest.fixture
def extended(tmp_path: Path) -> Iterator[Installation]:
    """An installation whose Python finds one more package, installed as pip would."""
    packages = tmp_path / "packages"
    metadata = packages / "word_count-1.0.dist-info"
    metadata.mkdir(parents=True)
    (packages / "word_count.py").write_text(EXECUTOR)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: word-count\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        textwrap.dedent(
            """\
            [docledger.stages]
            word-count = word_count:WordCount
            """
        )
    )
    with installed() as made:
        before = made.environment.get("PYTHONPATH", "")
        made.environment["PYTHONPATH"] = f"{packages}{os.pathsep}{before}"
        yield made


def test_it_runs_without_a_change_to_code_or_schema(extended: Installation) -> None:
    service = extended.up()
    with psycopg.connect(extended.database_url) as connection:
        connection.execute(
            "INSERT INTO stage_dependencies VALUES"
            " ('dep_8', 'word-count', 'markdown-conversion', true, 6),"
            " ('dep_9', 'word-count', 'markdown-optimizer', false, 6)"
        )
    configuration = {"stages": {"word-count": {"options": {"leastLetters": 3}}}}
    with service.client() as client:
        answer = client.post(
            "/v1/documents",
            json={
                "id": "six",
                "title": "Six",
                "content": "# Varn\n\nThe lamp of a keeper is lit.\n",
                "workflowType": "automatic",
                "configuration": configuration,
            },
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["processingWorkflow"]["totalStages"] == 6
        path = "/v1/documents/six"
        wait_for(lambda: client.get(f"{path}/workflow").json()["status"] != "running")
        stages = pages(client, f"{path}/stages")
        assert [(s["stageName"], s["status"]) for s in stages] == [
            (name, "completed") for name in (*STAGES, "word-count")
        ]
        file = client.get(f"{path}/stages/word-count/files/six.words.json")
        assert json.loads(file.content) == {"words": 5}
        assert stages[-1]["metadata"] == {"words": 5}
        unknown = client.post(
            "/v1/documents",
            json={
                "content": "x",
                "configuration": {"stages": {"word-count": {"options": {"a": 1}}}},
            },
        )
        assert unknown.status_code == 422
        assert_everything_agrees(extended, client)
    assert service.stop() == 0
