"""The tour of the README as it is written: thumbnails, a kill, resume, report."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOUR, *_ = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.limit(120)
def test_tour_goes_as_the_readme_says(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="Pillow is not installed: pip install 'procession[images]'")
    assert all(word in TOUR for word in ("thumbs", "kill -9", "resume", "report"))
    shutil.copytree(ROOT / "examples" / "photos", tmp_path / "examples" / "photos")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "procession").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m procession "$@"\n')
    (programs / "procession").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PROCESSION_STATE": str(tmp_path / "state"),
    }
    done = subprocess.run(["bash", "-c", TOUR], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr  # one of the photographs is broken on purpose
    pictures = [path for path in (tmp_path / "examples" / "photos").rglob("*") if path.suffix in (".jpg", ".png")]
    made = [path for path in (tmp_path / "thumbs").rglob("*.jpg") if not path.name.startswith(".")]
    assert len(made) == len(pictures) - 1
    (ended,) = re.findall(r"^(\d+) done, 1 failed, 0 left; 2 sessions$", done.stdout, re.MULTILINE)
    # What was made and not noted before the kill is up to date for the second command.
    assert len(pictures) - 3 <= int(ended) <= len(pictures) - 1
    again = re.search(r"procession thumbs: (\d+) made", done.stderr)
    assert again is not None and 0 < int(again[1]) < len(pictures) - 1, done.stderr
