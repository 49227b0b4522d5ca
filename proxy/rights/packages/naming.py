"""What the files of a package are called: by what they are, never by whom they name."""

from dataclasses import dataclass
from typing import Literal

Language = Literal["fr", "en"]

# The parts of one recording, in the order they have in the archive.
AUDIO, SHEET, RECEIPT, RECEIPT_WORDS = range(1, 5)
# What comes before all recordings. The ledger has its place 0 too, but no number 0.
HEAD = 0
README, CONFIRMATION, INFORMATION, VERIFIER, POLICY = range(1, 6)

_HEAD_NAMES: dict[Language, dict[int, str]] = {
    "fr": {
        README: "LISEZ-MOI.txt",
        CONFIRMATION: "reponse.txt",
        INFORMATION: "information.txt",
    },
    "en": {
        README: "README.txt",
        CONFIRMATION: "answer.txt",
        INFORMATION: "information.txt",
    },
}
_PROOFS: dict[int, str] = {VERIFIER: "verify.py", POLICY: "policy.txt"}
_FOLDERS: dict[Language, tuple[str, str]] = {
    "fr": ("enregistrements", "tirages"),
    "en": ("recordings", "draws"),
}
_WHAT = {
    README: "readme",
    CONFIRMATION: "letter",
    INFORMATION: "information",
    VERIFIER: "verifier",
    POLICY: "verifier",
}


@dataclass(frozen=True, slots=True)
class Names:
    """The names in one language, for a package of that many recordings."""

    language: Language
    recordings: int

    def head(self, part: int) -> str:
        if part in _PROOFS:
            return f"{_FOLDERS[self.language][1]}/{_PROOFS[part]}"
        return _HEAD_NAMES[self.language][part]

    def what(self, part: int) -> str:
        """What a file of the head is, in the words of the letters."""
        return _WHAT[part]

    def audio(self, number: int, extension: str) -> str:
        return f"{_FOLDERS[self.language][0]}/{self._number(number)}.{extension}"

    def sheet(self, number: int) -> str:
        return f"{_FOLDERS[self.language][0]}/{self._number(number)}.txt"

    def receipt(self, number: int) -> str:
        return f"{_FOLDERS[self.language][1]}/{self._number(number)}.tlog-proof"

    def receipt_words(self, number: int) -> str:
        return f"{_FOLDERS[self.language][1]}/{self._number(number)}.txt"

    def _number(self, number: int) -> str:
        """All of one length, so that they sort as they are counted."""
        return f"{number:0{max(2, len(str(self.recordings)))}}"
