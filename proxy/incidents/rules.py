"""Which steps an incident allows, by what is known and decided of it."""

from proxy.errors import PonctuelError
from proxy.incidents.cases import Case, Decision, Risk


class IncidentStepError(PonctuelError):
    """The incident is not where this step can be taken."""

    status = 409
    error_id = "incident-step"


def check_open(case: Case) -> None:
    if case.closed_at is not None:
        raise IncidentStepError("it is closed", fix="add a note, or open another")


def check_may_stay_silent(case: Case) -> None:
    """Art. 33(1): not to notify is open only where a risk is unlikely."""
    if case.notified_at is not None:
        raise IncidentStepError("the authority was notified already")
    if case.description.risk in (Risk.LIKELY, Risk.HIGH):
        raise IncidentStepError(
            f"its risk is {case.description.risk.value}",
            field="decision",
            fix="notify, or correct the risk in the description first",
        )


def check_ready_to_notify(case: Case, *, is_late: bool) -> None:
    if case.decision is not Decision.NOTIFY:
        raise IncidentStepError("nobody decided to notify", fix="decide first")
    if is_late and not case.description.delay_reason:
        raise IncidentStepError(
            "more than 72 hours after it was known",
            field="delay_reason",
            fix="describe the reason for the delay first (Art. 33(1))",
        )


def check_ready_to_close(case: Case) -> None:
    if case.decision is None:
        raise IncidentStepError("nobody decided whether to notify", fix="decide first")
    if case.decision is Decision.NOTIFY and case.notified_at is None:
        raise IncidentStepError(
            "the authority is to be notified and was not",
            fix="say when it was notified, or decide not to and why",
        )
