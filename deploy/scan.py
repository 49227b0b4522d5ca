"""Look for known weaknesses in what we install, and for secrets in what we publish.

Exit status 1 for a finding. Where nobody answers who knows of weaknesses (a machine
without the Internet, a mirror that only has packages), that is said and is no finding:
run it where they answer before a release.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
LOCKS = (ROOT / "requirements.lock", HERE / "build.lock")
BASELINE = ".secrets.baseline"
MOVED = 3  # how detect-secrets ends when it only wrote new line numbers down
LONGEST = 300  # seconds


def main() -> int:
    weak = [weakness for lock in LOCKS for weakness in weaknesses(lock)]
    for weakness in weak:
        print(weakness)
    return 1 if weak or not has_no_secrets() else 0


def weaknesses(lock: Path) -> list[str]:
    """Known weaknesses of the versions a lock names, a line each."""
    answer = run(
        "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format=json",
        "--progress-spinner=off", "--requirement", str(lock),
    )  # fmt: skip
    try:
        packages = json.loads(answer.stdout)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    known = [each for each in packages if "skip_reason" not in each]
    print(f"{lock.name}: {len(known)} of {len(packages)} packages looked up")
    if not known:
        print(f"{lock.name}: NOT CHECKED, nobody who knows of weaknesses answers here")
    return [
        f"{each['name']} {each['version']}: {found['id']}, mended in "
        + (", ".join(found["fix_versions"]) or "no version yet")
        for each in known
        for found in each["vulns"]
    ]


def has_no_secrets() -> bool:
    """Whether no file that is published holds a secret nobody has looked at.

    `detect-secrets scan > .secrets.baseline` after looking at what is new.
    """
    listed = subprocess.run(  # the words are ours
        ["git", "ls-files", "-z"],  # noqa: S607  # whichever git there is
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    files = [name for name in listed.stdout.split("\0") if name and name != BASELINE]
    answer = run(
        "-m", "detect_secrets.pre_commit_hook", "--no-verify",
        "--baseline", BASELINE, *files,
    )  # fmt: skip
    is_clean = answer.returncode in {0, MOVED}
    print(answer.stdout, end="")
    print(f"{len(files)} files, {'no' if is_clean else 'NEW'} secrets")
    return is_clean


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # the words are ours
        [sys.executable, *words],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=LONGEST,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
