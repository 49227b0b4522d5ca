"""What goes wrong with a bucket, in words that say what to do and quote nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from proxy.errors import StorageError

_FIELD = "vault.s3"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault by the server's code for it, or by one of ours."""

    code: str
    words: str
    fix: str = ""

    @classmethod
    def of(cls, response: Mapping[str, Any]) -> Self:
        """An error the server answered; HEAD has a status and no code."""
        status = str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
        code = str(response.get("Error", {}).get("Code", "")) or status
        words, fix = _WORDS.get(code) or _WORDS.get(status) or (_answered(status), "")
        return cls(code, words, fix)

    @classmethod
    def of_connection(cls, error: Exception) -> Self:
        """No answer, or none that can be read."""
        words, fix = _CONNECTION.get(type(error).__name__, _UNREADABLE)
        return cls(type(error).__name__, words, fix)

    def as_storage_error(self) -> StorageError:
        return StorageError(self.words, field=_FIELD, fix=self.fix)


def _answered(status: str) -> str:
    return f"the bucket's server answered {status}"


_BUSY = ("the bucket's server is too busy", "try again later")
_CREDENTIALS = (
    "the bucket's server does not accept these keys",
    "check access_key and secret_key",
)
_DENIED = (
    "these keys may not do it",
    "allow what docs/settings.md lists, on this bucket",
)
_EXPIRED = ("these keys have expired", "set new ones")
_REGION = ("the bucket is elsewhere", "check endpoint and region")
_OTHER_BYTES = ("other bytes arrived than were sent", "try again")
_UNREADABLE = (
    "the bucket's server gave no answer that can be read",
    "check endpoint; is it one that speaks S3?",
)
_UNREACHABLE = (
    "the bucket's server cannot be reached",
    "check endpoint, and the network between",
)
_NO_CA_FILE = ("ca_file cannot be read", "name a PEM file this user may read")
_SLOW = ("the bucket's server did not answer in time", "try again later")

_WORDS: Mapping[str, tuple[str, str]] = {
    "NoSuchBucket": (
        "there is no such bucket",
        "make it, without versioning and without Object Lock",
    ),
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "ExpiredToken": _EXPIRED,
    "InvalidToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestTimeTooSkewed": (
        "this machine's clock and the bucket's server's are too far apart",
        "set the clock (NTP)",
    ),
    "RequestExpired": ("this machine's clock is too late", "set the clock (NTP)"),
    "AccessDenied": _DENIED,
    "403": _DENIED,
    "PreconditionFailed": ("there is an object of this name already", ""),
    "412": ("there is an object of this name already", ""),
    "SlowDown": _BUSY,
    "503": _BUSY,
    "429": _BUSY,
    "BadDigest": _OTHER_BYTES,
    "XAmzContentSHA256Mismatch": _OTHER_BYTES,
    "InvalidDigest": _OTHER_BYTES,
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "301": _REGION,
    "307": _REGION,
    "507": ("the bucket is full", "give it room"),
}

_CONNECTION: Mapping[str, tuple[str, str]] = {
    "ReadTimeoutError": _SLOW,
    "ConnectTimeoutError": _UNREACHABLE,
    "EndpointConnectionError": _UNREACHABLE,
    "ConnectionClosedError": (
        "the bucket's server ended the connection",
        "try again later",
    ),
    "FileNotFoundError": _NO_CA_FILE,
    "PermissionError": _NO_CA_FILE,
    "SSLError": (
        "the bucket's server does not prove who it is",
        "check endpoint; name the authority it is certified by in ca_file",
    ),
}

NO_ANSWER = Fault("", *_SLOW)
NOT_CONFIRMED = Fault(
    "",
    "the bucket's server does not confirm the checksum of what it was sent",
    "use one that checks SHA-256 (x-amz-checksum-sha256)",
)
KEEPS_VERSIONS = Fault(
    "",
    "the bucket keeps versions: what is deleted would live on",
    "name a bucket that never had versioning",
)
IS_LOCKED = Fault(
    "",
    "the bucket has Object Lock: what is due could not be deleted",
    "name a bucket without it",
)
IN_CLEAR = Fault(
    "",
    "what is written there would travel in clear",
    "write endpoint with https://; http is for 127.0.0.1",
)
ANOTHER_STORE = Fault(
    "",
    "the bucket is not the store that was begun with; was another one named?",
    "check endpoint, bucket and prefix",
)
NOT_AS_WRITTEN = Fault(
    "", "what lies in the bucket is not what was written", "try again"
)
NOT_AS_ASKED = Fault(
    "",
    "the bucket's server gave other bytes than were asked for",
    "use one that keeps to S3",
)
ENDLESS = Fault(
    "",
    "the bucket's list does not end",
    "use a server that keeps to S3",
)
NOT_ABORTED = Fault(
    "",
    "an upload that was broken off is still there",
    "try again, or abort it with the server's own tools",
)
