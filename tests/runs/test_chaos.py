"""Whatever is killed whenever: a run has in the end what an undisturbed one has. `make chaos` plays 300 of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.runs import chaos, chaos_child

ROUNDS = int(os.environ.get("PROCESSION_CHAOS_ROUNDS", "10"))
FIRST = int(os.environ.get("PROCESSION_CHAOS_SEED", "1"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
def test_disturbed_run_has_all_results_of_an_undisturbed_one(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaos_child, "FOLDER", tmp_path / "undisturbed")
    (tmp_path / "undisturbed").mkdir()
    folder = tmp_path / "run"
    folder.mkdir()
    try:
        story = chaos.play(seed, folder)
    except BaseException:
        errors = folder / "errors"
        print(f"seed {seed}\n{errors.read_text() if errors.exists() else ''}")
        raise
    print(f"seed {seed}: right after", *story, sep="\n  ")
    shutil.rmtree(folder)
