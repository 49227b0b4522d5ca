"""The verifier as an auditor runs it, in this process; files where its options want."""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from audit.verify import main
from tests.attacks.emitter import Site


@dataclass
class Verdict:
    """What the verifier said."""

    status: int
    said: dict
    codes: set[str]

    def seqs(self, code: str) -> set[int | None]:
        return {one["seq"] for one in self.said["findings"] if one["code"] == code}

    def leaves_out(self, words: str) -> bool:
        return any(words in line for line in self.said["not_checked"])


def run(*arguments: str) -> Verdict:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main([*arguments, "--json"])
    said = json.loads(out.getvalue())
    return Verdict(status, said, set(said.get("counts", {})))


class Auditor:
    """An auditor with a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def check(
        self, site: Site, *options: str, bundle: bytes | None = None, policy: str = ""
    ) -> Verdict:
        raw = site.bundle() if bundle is None else bundle
        return run(
            self.file("bundle.zip", raw),
            "--policy",
            self.file("auditor.txt", policy or site.auditor()),
            *options,
        )

    def check_all(self, site: Site, **changed: Iterable[dict]) -> Verdict:
        """Tier C: with the platform's list, the store's list and the tag keys."""
        calls = changed.get("calls", [call.row() for call in site.calls])
        store = changed.get("store", list(site.kept_objects.values()))
        keys = {str(week): key.hex() for week, key in site.tag_keys.items()}
        return self.check(
            site,
            "--cdr",
            self.file("calls.csv", as_csv(calls)),
            "--store",
            self.file("store.json", json.dumps(list(store))),
            "--tagkeys",
            self.file("keys.json", json.dumps(keys)),
        )


def as_csv(rows: Iterable[dict]) -> str:
    rows = list(rows)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, rows[0].keys() if rows else ["connection"])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    return Auditor(tmp_path)


@pytest.fixture
def check(auditor: Auditor) -> Callable[..., Verdict]:
    return auditor.check


@pytest.fixture
def check_all(auditor: Auditor) -> Callable[..., Verdict]:
    return auditor.check_all
