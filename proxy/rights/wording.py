"""The desk's letters: from a request as it stands to what `letters` states."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from proxy.letters.facts import Desk, Facts, NothingHeld, NotIdentified, Refusal
from proxy.letters.facts import Withdrawn as WithdrawnFacts
from proxy.letters.letter import STATED
from proxy.letters.writing import write
from proxy.rights.config import RightsConfig
from proxy.rights.faults import NoLetterheadError
from proxy.rights.records import Request
from proxy.rights.requests import Requests
from retention.rights.request import Outcome

_LETTERS = {stated: letter for letter, stated in STATED.items()}


class Wording:
    """One site's letters."""

    def __init__(self, requests: Requests, config: RightsConfig) -> None:
        self._requests = requests
        self._config = config
        self._setting = f"sites.{requests.site}.rights"

    def letter(self, request: Request, facts: Facts) -> str:
        """Raises LetterFactError."""
        return write(_LETTERS[type(facts)], request.language, facts)

    @property
    def desk(self) -> Desk:
        """Whom letters are from. Raises NoLetterheadError."""
        config = self._config
        for field in ("controller", "contact", "dpo_contact"):
            if not getattr(config, field).strip():
                where = f"sites.{self._requests.site}"
                is_ours = field != "dpo_contact"
                raise NoLetterheadError(
                    field=f"{self._setting if is_ours else where}.{field}",
                    fix="every letter says it: set it",
                )
        return Desk(
            controller=config.controller,
            contact=config.contact,
            dpo_contact=config.dpo_contact,
        )

    def head(self, request: Request, now: datetime) -> Mapping[str, Any]:
        """The fields of `OfRequest`. An answer keeps the day it was given."""
        return {
            "desk": self.desk,
            "reference": request.reference,
            "written_on": self.day(request.standing.answered_at or now),
            "kind": request.kind.value,
            "received_on": self.day(request.standing.received_at),
        }

    def day(self, moment: datetime) -> date:
        return self._requests.local(moment).date()

    def answer_facts(
        self, request: Request, now: datetime, *, was_code_sent: bool
    ) -> Facts:
        """Of an answer that grants nothing; what is granted is stated by who did it."""
        head, told = self.head(request, now), request.told
        match request.standing.outcome:
            case Outcome.REFUSED:
                return Refusal(**head, grounds=told.grounds, articles=told.articles)
            case Outcome.NOTHING_HELD:
                return NothingHeld(
                    **head,
                    searched_by=(searched_by(request),),
                    number_ending=ending_of(request),
                )
            case Outcome.NOT_IDENTIFIED:
                return NotIdentified(
                    **head, tried=_tried(request, was_code_sent=was_code_sent)
                )
            case _:
                return WithdrawnFacts(**head, withdrawn_on=head["written_on"])


def searched_by(request: Request) -> str:
    told = request.told
    if told.agent:
        return "agent"
    return "details" if told.windows else "number"


def ending_of(request: Request) -> str:
    """The last two digits of the number: enough to know one's own by."""
    return request.told.number[-2:]


def _tried(request: Request, *, was_code_sent: bool) -> tuple[str, ...]:
    """What a proof was asked by. The rules let nobody be turned away unasked."""
    has_details = request.details_at or request.details_tries
    tried = {
        "code": was_code_sent,
        "details": bool(has_details) and not request.is_shared,
        "question": bool(has_details) and request.is_shared,
        "document": request.document is not None,
    }
    return tuple(word for word, was in tried.items() if was) or ("details",)
