"""The closed list of letters, and which facts each one states."""

from collections.abc import Mapping
from enum import StrEnum

from proxy.letters import facts
from proxy.letters.facts import Facts


class Letter(StrEnum):
    """Also the names of the templates."""

    ACKNOWLEDGEMENT = "acknowledgement"
    IDENTITY_CODE = "identity-code"
    IDENTITY_DOUBT = "identity-doubt"
    EXTENSION = "extension"
    ESCALATION = "escalation"
    TRANSFERRED = "transferred"
    ANSWER_ACCESS = "answer-access"
    NOTHING_HELD = "nothing-held"
    REFUSAL = "refusal"
    NOT_IDENTIFIED = "not-identified"
    WITHDRAWN = "withdrawn"
    DONE_ERASURE = "done-erasure"
    DONE_OBJECTION = "done-objection"
    DONE_RESTRICTION = "done-restriction"
    LIFTING = "lifting"
    DONE_RECTIFICATION = "done-rectification"
    RECIPIENTS_NOTICE = "recipients-notice"
    INFORMATION = "information"
    PACKAGE_CODE = "package-code"
    PACKAGE_README = "package-readme"
    RECORDING_SHEET = "recording-sheet"


STATED: Mapping[Letter, type[Facts]] = {
    Letter.ACKNOWLEDGEMENT: facts.Acknowledgement,
    Letter.IDENTITY_CODE: facts.IdentityCode,
    Letter.IDENTITY_DOUBT: facts.IdentityDoubt,
    Letter.EXTENSION: facts.Extension,
    Letter.ESCALATION: facts.Escalation,
    Letter.TRANSFERRED: facts.Transferred,
    Letter.ANSWER_ACCESS: facts.AnswerAccess,
    Letter.NOTHING_HELD: facts.NothingHeld,
    Letter.REFUSAL: facts.Refusal,
    Letter.NOT_IDENTIFIED: facts.NotIdentified,
    Letter.WITHDRAWN: facts.Withdrawn,
    Letter.DONE_ERASURE: facts.DoneErasure,
    Letter.DONE_OBJECTION: facts.DoneObjection,
    Letter.DONE_RESTRICTION: facts.DoneRestriction,
    Letter.LIFTING: facts.Lifting,
    Letter.DONE_RECTIFICATION: facts.DoneRectification,
    Letter.RECIPIENTS_NOTICE: facts.RecipientsNotice,
    Letter.INFORMATION: facts.Information,
    Letter.PACKAGE_CODE: facts.PackageCode,
    Letter.PACKAGE_README: facts.PackageReadme,
    Letter.RECORDING_SHEET: facts.RecordingSheet,
}
