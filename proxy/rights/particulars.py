"""What names the person of a request: sealed while it is open, gone when it closes.

All of it lies in one column, wrapped by a key that is not in the database (RFC 3394):
whoever reads the database, or a copy of it, finds out about nobody's request.
"""

import json
import struct
from dataclasses import asdict, dataclass
from datetime import date

from proxy.access.surroundings import Seal
from proxy.errors import TamperedError

_LENGTH = struct.Struct(">I")
# A multiple of 8 (RFC 3394), so large that a size hardly tells who wrote how much.
_BLOCK = 256  # bytes


@dataclass(frozen=True, slots=True)
class Window:
    """When somebody says they called, by the site's clock; on which line, if known.

    `line` is a dialled number, or the code of a practice.
    """

    day: date
    from_hour: int
    to_hour: int
    line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Particulars:
    """Whom a request is of and about. Exactly one of number, agent, windows leads.

    Without a repr: no log and no traceback shows what it holds.
    """

    number: str = ""
    """The number whose recordings are asked for, in E.164; codes go nowhere else."""
    agent: str = ""
    """The agent's code at the telephony platform."""
    windows: tuple[Window, ...] = ()
    name: str = ""
    contact: str = ""
    """Where answers go. Never where codes go: anybody could give it."""
    words: str = ""
    grounds: str = ""
    """Why it was refused, or granted in part only."""
    articles: tuple[str, ...] = ()
    """Of the GDPR, on which those rest: "12(5)"."""
    extension: str = ""
    doubt: str = ""
    instruction: str = ""
    """What the practice that is controller said is to be done."""


def seal(by: Seal, told: Particulars) -> bytes:
    fields = {name: value for name, value in asdict(told).items() if value}
    for window in fields.get("windows", ()):
        window["day"] = window["day"].isoformat()
    clear = json.dumps(fields, separators=(",", ":")).encode()
    framed = _LENGTH.pack(len(clear)) + clear
    size = -(-len(framed) // _BLOCK) * _BLOCK
    return by.wrap_service(framed.ljust(size, b"\0"))


def unseal(by: Seal, sealed: bytes) -> Particulars:
    """Raises TamperedError."""
    framed = by.unwrap_service(sealed)
    (size,) = _LENGTH.unpack_from(framed)
    try:
        fields = json.loads(framed[_LENGTH.size : _LENGTH.size + size])
        windows = tuple(
            Window(**each | {"day": date.fromisoformat(each["day"])})
            for each in fields.pop("windows", ())
        )
        articles = tuple(fields.pop("articles", ()))
        return Particulars(**fields, windows=windows, articles=articles)
    except (ValueError, TypeError, KeyError) as error:
        raise TamperedError("these are no particulars of a request") from error
