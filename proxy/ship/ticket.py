"""What the SIP proxy had rtpengine write into a capture's metadata.

`decision:ID|max:SECONDS|caller:PORT`, where PORT is the one of rtpengine's ports that
the SIP caller sends to; `agent:PORT` when the agent placed the call.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

_FORM: Final = re.compile(
    r"decision:(?P<decision_id>[A-Za-z0-9_-]{8,64})"
    r"\|max:(?P<seconds>[1-9][0-9]{0,4})"
    r"\|(?P<side>caller|agent):(?P<port>[1-9][0-9]{0,4})",
    re.ASCII,
)
# No ticket can make a recording longer than this, nor the memory that holds it larger.
LONGEST_SECONDS: Final = 4 * 3600


class Channel(IntEnum):
    """The person outside is heard on the left, the agent on the right."""

    OUTSIDE = 0
    AGENT = 1


@dataclass(frozen=True, slots=True)
class Ticket:
    """Which decision a capture belongs to, its limit, and who is who in it."""

    decision_id: str
    max_seconds: int
    known_side: Channel
    known_port: int

    @classmethod
    def parse(cls, raw_note: str) -> Self | None:
        """Read the last line of rtpengine's metadata; None when it is no ticket.

        Only the last: rtpengine writes it when the call is over, whereas SDP that a
        phone has sent may stand anywhere above.
        """
        raw_lines = raw_note.strip().split("\n")
        found = _FORM.fullmatch(raw_lines[-1].strip())
        if found is None:
            return None
        return cls(
            decision_id=found["decision_id"],
            max_seconds=min(int(found["seconds"]), LONGEST_SECONDS),
            known_side=Channel.OUTSIDE if found["side"] == "caller" else Channel.AGENT,
            known_port=int(found["port"]),
        )

    def channel(self, port: int) -> Channel:
        """Who sends to this port of rtpengine's."""
        if port == self.known_port:
            return self.known_side
        return Channel(1 - self.known_side)
