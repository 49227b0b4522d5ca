"""What each letter states. A fact without a default must be given, and say something.

Nothing here has a place for the name of somebody who works at the site, nor for a
telephone number: of the person's own, only its last two digits.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Who answers: the controller, and how people reach those who answer for it.

    `contact` is for requests, `dpo_contact` for the data protection officer: a postal
    or electronic address in one line. `controller` is the name people know.
    """

    controller: str
    contact: str
    dpo_contact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """What every letter begins with. `reference` is the request's short random one."""

    desk: Desk
    reference: str
    written_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRequest(Letterhead):
    """`kind` is the word of retention.rights' kinds, such as "medical-file"."""

    kind: str
    received_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement(OfRequest):
    """`earliest` is a medical file's, local time; without number no code is sent."""

    due: date
    earliest: datetime | None = None
    number_ending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneTimeCode:
    controller: str
    code: str
    reference: str
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityCode(_OneTimeCode):
    """One SMS, so no letterhead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCode(_OneTimeCode):
    """One SMS as well; it is typed on the page, and told to nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDoubt(OfRequest):
    """`doubt` is why codes and call details were not enough (GDPR Art. 12(6)).

    `suspended_days`: the most that the clock may stand still for it; 0 is not at all.
    """

    doubt: str
    suspended_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension(OfRequest):
    """`reason` is due with it, within the first month (GDPR Art. 12(3))."""

    due: date
    extended_due: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation(OfRequest):
    """To the practice: `due` is what the law gives, `answer_by` what we ask for."""

    practice: str
    due: date
    answer_by: date
    recordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred(OfRequest):
    """To the person: the practice decides, the date stays."""

    practice: str
    due: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAccess(OfRequest):
    """`withheld` recordings are left out; then `withheld_because` must say why.

    `open_until`: until when `page` has it; `fetched_on`: when it had been taken whole.
    Neither where this lies in the copy itself. `gone` were found, and are no more.
    `grounds`: why not all of it was granted, if so.
    """

    recordings: int
    muted: int
    page: str = ""
    open_until: date | None = None
    fetched_on: date | None = None
    number_ending: str = ""
    withheld: int = 0
    withheld_because: str = ""
    gone: int = 0
    grounds: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingHeld(OfRequest):
    """`searched_by`: "number", "details" or "agent"."""

    searched_by: tuple[str, ...]
    number_ending: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(OfRequest):
    """`articles` of the GDPR the grounds rest on, such as "12(5)"; maybe none."""

    grounds: str
    articles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotIdentified(OfRequest):
    """`tried`: "code", "details", "question" or "document"."""

    tried: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(OfRequest):
    """The person took the request back."""

    withdrawn_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(OfRequest):
    """`told` recipients know; `grounds`: why some of it was not done, if so."""

    done_on: date
    told: int = 0
    grounds: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneErasure(Done):
    """`kept` recordings stay while the law asks for it (Art. 17(3)).

    `restricted` ones stay while somebody wants them kept unused (Art. 18): nobody knows
    for how long.
    """

    destroyed: int
    kept: int = 0
    kept_until: date | None = None
    restricted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneObjection(DoneErasure):
    """`not_drawn_until`: as long as the standing list keeps the number's keyed hash."""

    not_drawn_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneRestriction(Done):
    """It has no end of its own: it lasts until it is lifted."""

    recordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifting(OfRequest):
    """Sent before a restriction is lifted (GDPR Art. 18(3))."""

    recordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneRectification(Done):
    """`statement` is the person's, as it was attached."""

    recordings: int
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientsNotice(Letterhead):
    """To whoever was handed a copy (GDPR Art. 19); `kind` is what was done.

    With `is_lifted` it is the second one about a restriction: it has ended.
    """

    kind: str
    recipient: str
    recordings: tuple[str, ...]
    done_on: date
    is_lifted: bool = False
    statement: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One set of conditions: for what, how long, and what silence means.

    `ends_on` is the first day without draws; `share_ppm` the most that is recorded in
    the long run, in parts per million. Without `groups` it is for all lines.
    """

    purpose: str
    consent: str
    kept_days: int
    starts_on: date
    ends_on: date
    share_ppm: int
    groups: tuple[str, ...] = ()

    @property
    def last_day(self) -> date:
        return self.ends_on - timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineGroup:
    """On what the recording of a group's calls rests: "6-1-f", "9-2-h", "hds"."""

    name: str
    practice: str
    article_6: str
    article_9: str
    hosting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """What is done with voices here, from the settings and the policy in force.

    Without campaigns nothing is recorded now. `listeners` are the roles that may
    listen; `after_analysis_days` is how long a recording lives once what a trainer
    wrote about it is closed; `opt_out_years` is 0 where no standing list is kept;
    `page` is where the notice is read, if anywhere.
    """

    desk: Desk
    listeners: tuple[str, ...]
    analysis_days: int
    after_analysis_days: int
    campaigns: tuple[Campaign, ...] = ()
    groups: tuple[LineGroup, ...] = ()
    max_seconds: int = 0
    opt_out_key: str = ""
    opt_in_key: str = ""
    opt_out_years: int = 0
    page: str = ""

    def asking(self, consent: str) -> tuple[Campaign, ...]:
        """The campaigns in which silence means that: "opt_out" or "opt_in"."""
        return tuple(each for each in self.campaigns if each.consent == consent)

    def purposes(self, consent: str) -> tuple[str, ...]:
        """Theirs, each once and in the order of the campaigns."""
        return tuple(dict.fromkeys(each.purpose for each in self.asking(consent)))

    def longest_days(self, consent: str) -> int:
        """The longest any of their recordings is kept."""
        return max(each.kept_days for each in self.asking(consent))


@dataclass(frozen=True, slots=True, kw_only=True)
class Information(Letterhead):
    """What GDPR Art. 15(1) asks for besides the copy."""

    processing: Processing
    recordings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile:
    """`what`: a word of the group `files` of the texts, such as "audio"."""

    name: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageReadme(Letterhead):
    """What lies beside it in the package."""

    files: tuple[PackageFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """`how`: "heard" or "handed-over"; by which `role`, a name has no place.

    `recipient`: the code of whoever was given a copy, where they are to be named.
    """

    on: date
    how: str
    purpose: str
    role: str = ""
    recipient: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Muted:
    """Seconds between which nothing is heard; `reason`: a code of the group `cuts`."""

    from_second: float
    to_second: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the person had attached (GDPR Art. 16)."""

    on: date
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSheet(Letterhead):
    """One recording in plain words. `captured_at` is local; `draw` the ledger's place.

    `kept_until` is the day on which it is gone at the latest once this is answered.
    """

    recording: str
    file: str
    captured_at: datetime
    seconds: float
    practice: str
    purpose: str
    draw: int
    kept_until: date
    listenings: tuple[Listening, ...] = ()
    muted: tuple[Muted, ...] = ()
    statements: tuple[Statement, ...] = ()


Facts = Letterhead | IdentityCode | PackageCode
