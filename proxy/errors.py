"""Every error that crosses a boundary: a fact, a stable id, and what to do next.

The first line of a class's docstring is the title of the RFC 9457 problem document that
`problem()` returns; `error_id` is its stable type and is never renamed.
"""

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from sampling.policy import PolicyFault


class PonctuelError(Exception):
    """Something went wrong inside Ponctuel."""

    status: ClassVar[int] = 500
    error_id: ClassVar[str] = "internal"

    def __init__(self, detail: str = "", *, field: str = "", fix: str = "") -> None:
        self.detail = detail
        self.field = field
        self.fix = fix
        super().__init__(str(self))

    @override
    def __str__(self) -> str:
        """One line: where, what, and how to mend it."""
        where = f"{self.field}: " if self.field else ""
        fix = f" ({self.fix})" if self.fix else ""
        return f"{where}{self.detail or self.title}{fix}"

    @property
    def title(self) -> str:
        return (type(self).__doc__ or "").partition("\n")[0]

    def problem(self) -> dict[str, object]:
        """The RFC 9457 problem document of this error."""
        document: dict[str, object] = {
            "type": f"urn:ponctuel:problem:{self.error_id}",
            "title": self.title,
            "status": self.status,
        }
        extra = {"detail": self.detail, "field": self.field, "fix": self.fix}
        return document | {name: text for name, text in extra.items() if text}


class SettingsError(PonctuelError):
    """A setting is missing or wrong."""

    error_id = "settings"


class WebhookRejectedError(PonctuelError):
    """The webhook's signature or credentials do not prove who sent it."""

    status = 401
    error_id = "webhook-rejected"


class UnauthorizedError(PonctuelError):
    """This page asks for a token."""

    status = 401
    error_id = "unauthorized"


class BadEventError(PonctuelError):
    """The event cannot be understood."""

    status = 400
    error_id = "bad-event"


class WrongContentTypeError(PonctuelError):
    """The content type is not the one this connection speaks."""

    status = 415
    error_id = "wrong-content-type"


class BodyTooLargeError(PonctuelError):
    """The body is larger than this connection accepts."""

    status = 413
    error_id = "body-too-large"


class UnknownConnectionError(PonctuelError):
    """There is no such connection."""

    status = 404
    error_id = "unknown-connection"


class UnknownCallError(PonctuelError):
    """There is no such call."""

    status = 404
    error_id = "unknown-call"


class NotDrawnError(PonctuelError):
    """This call was not drawn for recording; its audio is refused unread."""

    status = 403
    error_id = "not-drawn"


class NotAnnouncedError(PonctuelError):
    """The caller was not told of the recording; its audio is refused unread."""

    status = 403
    error_id = "not-announced"


class NotConsentedError(NotAnnouncedError):
    """The caller has not agreed to the recording; its audio is refused unread."""

    error_id = "not-consented"


class OutcomeClosedError(PonctuelError):
    """This call's recording already has its final outcome."""

    status = 409
    error_id = "outcome-closed"


class BadAudioError(PonctuelError):
    """The audio is not what was promised."""

    status = 422
    error_id = "bad-audio"


class AudioTooLongError(BadAudioError):
    """The audio is longer than the policy allows."""

    status = 413
    error_id = "audio-too-long"


class TruncatedUploadError(PonctuelError):
    """The upload ended before the announced number of bytes."""

    status = 400
    error_id = "truncated-upload"


class SourceUnavailableError(PonctuelError):
    """The platform did not do what it was asked; try again later."""

    status = 502
    error_id = "source-unavailable"


class ListNotBelievedError(PonctuelError):
    """The platform's list cannot be all of it, or cannot be read."""

    status = 502
    error_id = "list-not-believed"


class SourceMissingError(PonctuelError):
    """The platform says the recording does not exist."""

    status = 404
    error_id = "source-missing"


class ForbiddenSourceError(PonctuelError):
    """The recording's address is not one this connection may be asked to fetch."""

    status = 422
    error_id = "forbidden-source"


class StorageError(PonctuelError):
    """The recording could not be stored."""

    status = 503
    error_id = "storage"


class ObjectMissingError(StorageError):
    """The sealed object is not in the store."""

    status = 404
    error_id = "object-missing"


class RestrictedError(StorageError):
    """The recording is held: it is kept, and nobody listens to it."""

    status = 423
    error_id = "restricted"


class TamperedError(StorageError):
    """The sealed bytes are not the ones that were sealed."""

    error_id = "tampered"


class KeyMissingError(StorageError):
    """The key is not in the key ring: it was destroyed or never there."""

    status = 410
    error_id = "key-missing"


class DatabaseUnavailableError(PonctuelError):
    """The database does not answer."""

    status = 503
    error_id = "database-unavailable"


class ListenError(PonctuelError):
    """The address to listen on cannot be had."""

    error_id = "listen"


class SchemaError(PonctuelError):
    """The database's schema does not fit this version."""

    error_id = "schema"


class EmbeddedPostgresError(PonctuelError):
    """The embedded PostgreSQL server cannot run."""

    error_id = "embedded-postgres"


class NoteError(PonctuelError):
    """A signed note of the ledger, or the tree it speaks of, does not hold."""

    error_id = "bad-note"


class NoOutsideValueError(PonctuelError):
    """The outside value this epoch is drawn with is not there."""

    status = 503
    error_id = "no-outside-value"


class PolicyRefusedError(PonctuelError):
    """What was asked of a policy is not allowed."""

    status = 403
    error_id = "policy-refused"


class ForbiddenRoleError(PolicyRefusedError):
    """Your role may not do this, or not alone."""

    status = 403
    error_id = "forbidden-role"


class WrongStateError(PolicyRefusedError):
    """In its state this cannot be done any more, or not yet."""

    status = 409
    error_id = "wrong-state"


class StaleDocumentError(PolicyRefusedError):
    """The document has changed since you read it."""

    status = 409
    error_id = "stale-document"


class UnlawfulPolicyError(PolicyRefusedError):
    """This policy is not one that may be used here."""

    status: ClassVar[int] = 422
    error_id: ClassVar[str] = "unlawful-policy"

    def __init__(self, faults: Sequence[PolicyFault]) -> None:
        """Every fault is named, each with its field and what would be right."""
        self.faults = faults
        super().__init__("; ".join(f"{f.field} {f.wrong}: {f.fix}" for f in faults))

    @override
    def problem(self) -> dict[str, object]:
        errors = [
            {"field": fault.field, "detail": fault.wrong, "fix": fault.fix}
            for fault in self.faults
        ]
        return super().problem() | {"errors": errors}


class UnknownPolicyError(PonctuelError):
    """There is no policy with this number."""

    status = 404
    error_id = "unknown-policy"
