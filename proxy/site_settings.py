"""The settings of a site: its policy, practices, lines and connections."""

import json
from datetime import timedelta
from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from proxy.access_settings import AccessPart, PersonPart
from proxy.policy_document import Code, Day, Number, Part, PolicyPart
from proxy.rights_settings import PracticeRights, RightsPart
from retention.periods import LONGEST, LONGEST_ANALYSIS, AnalysisTerms
from sampling.gates import OTHER_GROUP, Line
from sampling.increases import above_soft_ceiling
from sampling.legal import LegalBasis, Reference
from sampling.mixing import Mode
from sampling.strata import misfits

MAX_LINE_GROUPS = 5


def _https(raw: str) -> str:
    url = urlsplit(raw)
    is_here = (url.scheme, url.hostname) == ("http", "127.0.0.1")
    if not is_here and not (url.scheme == "https" and url.hostname):
        raise ValueError("must begin with https://")
    return raw.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_https)]


# A short or empty token, such as an unset variable leaves, would let anyone in.
Token = Annotated[SecretStr, Field(min_length=16)]


class RandomnessPart(Part):
    """Who has a hand in the draws besides the operator, and where that is asked for."""

    mode: Mode = Mode.OPERATOR
    urls: tuple[WebAddress, ...] = Field(default=(), max_length=8)

    @model_validator(mode="after")
    def has_whom_to_ask(self) -> Self:
        if self.mode is not Mode.OPERATOR and not self.urls:
            asked = "drand relays" if self.mode is Mode.DRAND else "the nonces' holder"
            raise ValueError(f"mode {self.mode.value} needs `urls`: {asked}")
        return self


class ReferencePart(Part):
    """Where an answer the law asks for is written down, and until when it holds."""

    reference: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    on: Day
    author: Code
    until: Day | None = None

    @model_validator(mode="before")
    @classmethod
    def is_more_than_a_word(cls, given: object) -> object:
        if isinstance(given, str):
            raise ValueError(  # noqa: TRY004  # pydantic collects ValueErrors only
                f"a text alone does not say since when and by whom; {cls.example()}"
            )
        return given

    @model_validator(mode="after")
    def ends_after_it_began(self) -> Self:
        if self.until is not None and self.until <= self.on:
            raise ValueError("`until`, the first day without it, is not after `on`")
        return self

    @classmethod
    def example(cls) -> str:
        """How one is written."""
        kind = cls.model_fields.get("kind")
        first = f'kind = "{get_args(kind.annotation)[0]}", ' if kind else ""
        return f'write {{ {first}reference = "…", on = 2026-05-01, author = "dpo" }}'

    def to_reference(self) -> Reference:
        kind = getattr(self, "kind", "")
        return Reference(self.reference, self.on, self.author, self.until, kind)


class Article6Part(ReferencePart):
    """The lawful basis; with 6-1-f a balancing test is needed too."""

    kind: Literal["6-1-f", "6-1-a", "6-1-b", "6-1-c", "6-1-d", "6-1-e"]


class Article9Part(ReferencePart):
    """What permits health data to be processed, or why a line has none."""

    kind: Literal[
        "9-2-a",
        "9-2-b",
        "9-2-c",
        "9-2-d",
        "9-2-e",
        "9-2-f",
        "9-2-g",
        "9-2-h",
        "9-2-i",
        "9-2-j",
        "not_applicable",
    ]


class StaffPart(ReferencePart):
    """The works council's consultation, or that the company has too few people."""

    kind: Literal["cse", "under_50"]


class HostingPart(ReferencePart):
    """The certified host's certificate, or why none is needed."""

    kind: Literal["hds", "self_hosted", "not_applicable"]

    @model_validator(mode="after")
    def certificate_ends(self) -> Self:
        if self.kind == "hds" and self.until is None:
            raise ValueError("a certificate ends: add `until`, its first day without")
        return self


class PracticePart(PracticeRights):
    """A doctor's practice whose lines the site answers."""

    authorisation: ReferencePart | None = None


class LineGroupPart(Part):
    """Lines counted together, with the references the law asks for."""

    practice: Code
    article_6: Article6Part | None = None
    balancing_test: ReferencePart | None = None
    article_9: Article9Part | None = None
    dpia: ReferencePart | None = None
    dpo_opinion: ReferencePart | None = None
    staff_information: StaffPart | None = None
    hosting: HostingPart | None = None


class LinePart(Part):
    """One dialled number."""

    group: Code
    is_excluded: bool = False
    forward_to: str = ""


class ConnectionBasePart(Part):
    """What every kind of connection has."""

    deadline_ms: int = Field(default=800, ge=50, le=10_000)
    upload_tokens: tuple[Token, ...] = ()


class GenericPart(ConnectionBasePart):
    """Our own contract: CloudEvents signed by Standard Webhooks."""

    kind: Literal["generic"]
    secrets: tuple[SecretStr, ...] = ()
    bearer_tokens: tuple[SecretStr, ...] = ()
    source_token: SecretStr | None = None
    allowed_hosts: frozenset[str] = frozenset()
    call_list_url: str = ""
    allow_private_addresses: bool = False

    @property
    def call_list(self) -> str:
        """Whose calls are listed; empty where there is no list to ask for."""
        return self.call_list_url

    @model_validator(mode="after")
    def can_authenticate(self) -> Self:
        if not self.secrets and not self.bearer_tokens:
            raise ValueError(
                "needs `secrets` (whsec_…) or, on a closed network, `bearer_tokens`"
            )
        return self


class TwilioPart(ConnectionBasePart):
    """Twilio Programmable Voice."""

    kind: Literal["twilio"]
    account_sid: Annotated[str, StringConstraints(pattern=r"^AC[0-9a-f]{32}$")]
    auth_token: SecretStr
    secondary_auth_token: SecretStr | None = None
    shared_keys: dict[str, SecretStr] = Field(default={})
    public_url: WebAddress
    default_forward_to: str = Field(min_length=2)
    language: str = "fr-FR"
    api_base: WebAddress = "https://api.twilio.com"

    @property
    def call_list(self) -> str:
        """Whose calls are listed: all of the account's."""
        return f"{self.api_base}/{self.account_sid}"


ConnectionPart = Annotated[GenericPart | TwilioPart, Field(discriminator="kind")]


class WitnessPart(Part):
    """Somebody else, who cosigns the heads of the site's ledger."""

    url: WebAddress
    key: Annotated[
        str,
        StringConstraints(pattern=r"^[^+\s]{1,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$"),
    ]
    role: Literal["dpo", "cse", "public"]

    @property
    def public_key(self) -> str:
        """What counts, whatever the name before it."""
        return self.key.split("+", 2)[2]


def _at_most(longest: timedelta, what: str) -> AfterValidator:
    def check(days: int) -> int:
        if days > longest.days:
            raise ValueError(f"{what} {longest.days} days at most; lower it")
        return days

    return AfterValidator(check)


class AnalysesPart(Part):
    """How long analyses are kept, and their recordings once they are closed."""

    kept_days: Annotated[
        int, Field(ge=1), _at_most(LONGEST_ANALYSIS, "an analysis is kept")
    ] = 180
    recording_days: Annotated[
        int, Field(ge=0), _at_most(LONGEST, "a recording is kept")
    ] = 7

    def to_terms(self) -> AnalysisTerms:
        return AnalysisTerms(self.kept_days, self.recording_days)


class SitePart(Part):
    """One call-centre organisation: its policy, lines and connections."""

    origin: Annotated[str, StringConstraints(pattern=r"^[a-z0-9./_-]{0,200}$")] = ""
    dpo_contact: Annotated[str, StringConstraints(max_length=300)] = ""
    keep_opt_outs: bool = False
    policy: PolicyPart | None = None
    dpo_approval: ReferencePart | None = None
    randomness: RandomnessPart = RandomnessPart()
    analyses: AnalysesPart = AnalysesPart()
    practices: dict[Code, PracticePart] = Field(default={})
    line_groups: dict[Code, LineGroupPart] = Field(default={})
    lines: dict[Number, LinePart] = Field(default={})
    connections: dict[Code, ConnectionPart] = Field(default={})
    witnesses: tuple[WitnessPart, ...] = ()
    quorum: int = Field(default=0, ge=0)
    people: dict[Code, PersonPart] = Field(default={})
    access: AccessPart = AccessPart()
    rights: RightsPart = RightsPart()

    @model_validator(mode="after")
    def witnesses_can_make_the_quorum(self) -> Self:
        if len({witness.public_key for witness in self.witnesses}) < len(
            self.witnesses
        ):
            raise ValueError("two witnesses have one key: they are one witness")
        if self.quorum > len(self.witnesses):
            raise ValueError(
                f"quorum is {self.quorum} of {len(self.witnesses)} witnesses; "
                "list more, or lower it"
            )
        return self

    @model_validator(mode="after")
    def names_exist(self) -> Self:
        if OTHER_GROUP in self.line_groups:
            raise ValueError(
                f'line_groups."{OTHER_GROUP}" is for unknown lines; rename'
            )
        if len(self.line_groups) > MAX_LINE_GROUPS:
            raise ValueError(
                f"{len(self.line_groups)} line_groups: at most {MAX_LINE_GROUPS}, so "
                "that each counts enough calls; put more lines in a group"
            )
        for number, line in self.lines.items():
            if line.group not in self.line_groups:
                raise ValueError(f'lines."{number}".group "{line.group}" is not listed')
        for name, group in self.line_groups.items():
            if group.practice not in self.practices:
                raise ValueError(
                    f'line_groups.{name}.practice "{group.practice}" is not listed'
                )
        return self

    @model_validator(mode="after")
    def policy_fits_the_site(self) -> Self:
        if self.policy is None:
            return self
        found = misfits(self.policy.to_policy(1), self.line_groups, self.lines)
        if found:
            said = (f"policy.{one.field} {one.wrong}: {one.fix}" for one in found)
            raise ValueError("; ".join(said))
        return self

    @model_validator(mode="after")
    def has_its_dpos_word(self) -> Self:
        """Whoever writes the file is one person; above 5 % it takes two."""
        if self.policy is None:
            return self
        policy, word = self.policy.to_policy(1), self.dpo_approval
        above = ", ".join(f"policy.{field}" for field in above_soft_ceiling(policy))
        if above and word is None:
            raise ValueError(
                f"{above}: above 5 % it takes the dpo: lower it; or propose it and "
                "have the dpo approve it (ponctuel policy propose); or say where the "
                f"dpo has allowed it: dpo_approval, {ReferencePart.example()}"
            )
        last_day = max(each.ends_on for each in (policy, *policy.strata))
        if above and word and word.until and word.until < last_day:
            raise ValueError(
                f"dpo_approval.until {word.until} is before the policy's end, "
                f"{last_day}: end it sooner, or renew the approval"
            )
        return self

    @property
    def dpos_word(self) -> Reference | None:
        """Where a rate above the soft ceiling was allowed."""
        return _reference(self.dpo_approval)

    @property
    def kinds(self) -> dict[str, str]:
        """What is changed here without anybody's approval, in one spelling each.

        Without defaults: a new release has the same words for the same settings.
        """
        names = {
            "people": {"people", "access"},
            "rights": {"rights"},
            "lines": {"lines"},
            "gates": {"line_groups", "practices"},
            "keep_opt_outs": {"keep_opt_outs"},
            "analyses": {"analyses"},
        }
        return {
            kind: json.dumps(
                self.model_dump(mode="json", include=fields, exclude_defaults=True),
                sort_keys=True,
            )
            for kind, fields in names.items()
        }

    def to_lines(self) -> dict[str, Line]:
        """Every dialled number with its group and legal references."""
        return {number: self._line(part) for number, part in self.lines.items()}

    def _line(self, part: LinePart) -> Line:
        group = self.line_groups[part.group]
        practice = self.practices[group.practice]
        basis = LegalBasis(
            article_6=_reference(group.article_6),
            balancing_test=_reference(group.balancing_test),
            article_9=_reference(group.article_9),
            practice_authorisation=_reference(practice.authorisation),
            dpia=_reference(group.dpia),
            dpo_opinion=_reference(group.dpo_opinion),
            staff_information=_reference(group.staff_information),
            hosting=_reference(group.hosting),
        )
        return Line(
            group=part.group,
            basis=basis,
            is_excluded=part.is_excluded,
            practice=group.practice,
        )


def _reference(part: ReferencePart | None) -> Reference | None:
    return None if part is None else part.to_reference()
