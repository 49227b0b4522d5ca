"""The settings of a site: its policy, practices, lines and connections."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)

from proxy.policy_document import Code, Number, Part, PolicyPart
from sampling.gates import OTHER_GROUP, LegalBasis, Line
from sampling.mixing import Mode

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


class PracticePart(Part):
    """A doctor's practice whose lines the site answers."""

    authorisation: str = ""


class LineGroupPart(Part):
    """Lines counted together, with the references the law asks for."""

    practice: Code
    article_6: str = ""
    article_9: str = ""
    dpia: str = ""
    staff_information: str = ""
    hosting: str = ""


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
    allow_private_addresses: bool = False

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


class SitePart(Part):
    """One call-centre organisation: its policy, lines and connections."""

    origin: Annotated[str, StringConstraints(pattern=r"^[a-z0-9./_-]{0,200}$")] = ""
    policy: PolicyPart | None = None
    randomness: RandomnessPart = RandomnessPart()
    practices: dict[Code, PracticePart] = Field(default={})
    line_groups: dict[Code, LineGroupPart] = Field(default={})
    lines: dict[Number, LinePart] = Field(default={})
    connections: dict[Code, ConnectionPart] = Field(default={})
    witnesses: tuple[WitnessPart, ...] = ()
    quorum: int = Field(default=0, ge=0)

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

    def to_lines(self) -> dict[str, Line]:
        """Every dialled number with its group and legal references."""
        return {number: self._line(part) for number, part in self.lines.items()}

    def _line(self, part: LinePart) -> Line:
        group = self.line_groups[part.group]
        basis = LegalBasis(
            article_6=group.article_6,
            article_9=group.article_9,
            practice_authorisation=self.practices[group.practice].authorisation,
            dpia=group.dpia,
            staff_information=group.staff_information,
            hosting=group.hosting,
        )
        return Line(group=part.group, basis=basis, is_excluded=part.is_excluded)
