"""Other people's tools that judge our files: found, or a stated reason to skip."""

import os
import shutil
import sys
from pathlib import Path

import pytest


def need(tool: str, install: str) -> str:
    """Give the path of `tool`: beside this interpreter first, then on PATH.

    Without it the test is skipped, and fails where CI is set: there a check that did
    not run must not look like one that passed. `install` says how to get the tool.
    """
    found = shutil.which(tool, path=Path(sys.executable).parent) or shutil.which(tool)
    if found:
        return found
    reason = f"{tool} is not installed: {install}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
