"""What CI runs beside the linters finds what it is for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Put together here, so that the scan of this file does not find it.
PLANTED = "AKIA" + "Z7QK2M9XW4RT8BNC"


@pytest.fixture
def published(tmp_path):
    """A repository with our scan, and nothing else in it."""
    deploy = tmp_path / "deploy"
    deploy.mkdir()
    shutil.copy(ROOT / "deploy" / "scan.py", deploy)
    shutil.copy(ROOT / ".secrets.baseline", tmp_path)
    (deploy / "build.lock").touch()
    (tmp_path / "requirements.lock").touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def scanned(folder):
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    return subprocess.run(
        [sys.executable, "deploy/scan.py"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )


def test_a_secret_that_somebody_publishes_is_found(published):
    clean = scanned(published)
    (published / "settings.py").write_text(f'key = "{PLANTED}"\n')

    told = scanned(published)

    assert (clean.returncode, told.returncode) == (0, 1), told.stdout
    assert "settings.py" in told.stdout
    assert "NEW secrets" in told.stdout
    assert PLANTED not in told.stdout


def test_what_was_looked_at_and_only_moved_is_not_new(published):
    """Whoever deletes a line above it need not look again."""
    known = published / "settings.py"
    known.write_text(f'first = 1\nkey = "{PLANTED}"\n')
    baseline = [sys.executable, "-m", "detect_secrets", "scan", known.name]
    listed = subprocess.run(baseline, cwd=published, check=True, capture_output=True)
    (published / ".secrets.baseline").write_bytes(listed.stdout)
    known.write_text(f'key = "{PLANTED}"\n')

    told = scanned(published)

    assert told.returncode == 0, told.stdout
    assert "no secrets" in told.stdout
