"""A short campaign of kills with fixed seeds; `process_campaign` runs longer ones."""

from __future__ import annotations

import pytest

from faults.process_campaign import run


@pytest.mark.parametrize("seed", [20261124])
def test_nothing_is_lost_whenever_it_is_killed(seed: int) -> None:
    said: list[str] = []
    run(seed, 1, said.append)
    # The one of `process` always is; whether others are is the seed's and the machine's choice.
    assert any("killed" in line for line in said)
