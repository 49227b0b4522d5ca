"""The generic platform: CloudEvents signed by Standard Webhooks, answered in JSON.

For call centres that can write a few lines of code, and for software that cannot sign
but can keep a token (kamailio). Binary-mode CloudEvents are refused: their `ce-`
headers are outside the signature.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta

from proxy.errors import (
    BadEventError,
    ForbiddenSourceError,
    PonctuelError,
    SettingsError,
    UnknownConnectionError,
    WebhookRejectedError,
    WrongContentTypeError,
)
from proxy.platforms.base import (
    SKIP,
    Answer,
    CallLists,
    CallStarted,
    Event,
    RawRequest,
    RecordingAvailable,
    RecordingSource,
    Reply,
)
from proxy.platforms.generic_events import read_event
from proxy.platforms.generic_lists import GenericLists
from proxy.platforms.generic_source import GenericRecordings
from proxy.platforms.outbound import OutboundClient, OutboundPolicy
from proxy.platforms.signatures import StandardWebhooks, check_bearer, checked_tokens
from proxy.platforms.strict_json import read_object

CLOUDEVENTS = "application/cloudevents+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenericConfig:
    """One generic connection.

    `secrets` are `whsec_…` or `whpk_…`, all of them valid so that they can rotate.
    `bearer_tokens` are for platforms that cannot sign. `source_token` is ours, sent
    when we fetch or delete. `allowed_hosts` ("host", "host:port") serve recordings.
    `call_list_url`, with `{day}` in it, gives the calls of a day; it is on one of them.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    bearer_tokens: tuple[str, ...] = field(default=(), repr=False)
    source_token: str | None = field(default=None, repr=False)
    allowed_hosts: frozenset[str] = frozenset()
    call_list_url: str = ""
    allow_private_addresses: bool = False
    idle_timeout: timedelta = timedelta(seconds=30)
    max_body_bytes: int = 64 * 1024  # CloudEvents: consumers should take 64 KiB


class GenericPlatform:
    """One configured connection to a platform that speaks our own contract."""

    kind = "generic"

    def __init__(self, config: GenericConfig) -> None:
        """Raises `SettingsError` for a secret, token or host that cannot be right."""
        if not config.secrets and not config.bearer_tokens:
            raise SettingsError(
                "nothing could prove who sends the webhooks",
                field="secrets",
                fix="set secrets, or bearer_tokens for a platform that cannot sign",
            )
        self.max_body_bytes = config.max_body_bytes
        self._signatures = StandardWebhooks(config.secrets)
        self._bearer_tokens = checked_tokens(config.bearer_tokens)
        self._client = _client(config)
        self._source = GenericRecordings(self._client)
        self._lists: CallLists | None = None
        if config.call_list_url:
            self._lists = GenericLists(self._client, config.call_list_url)

    @property
    def source(self) -> RecordingSource:
        return self._source

    @property
    def lists(self) -> CallLists | None:
        return self._lists

    def authenticate(self, request: RawRequest) -> None:
        if _is_signed(request):
            self._signatures.check(request)
        elif request.headers.get("authorization"):
            check_bearer(request, self._bearer_tokens)
        else:
            raise WebhookRejectedError(
                "neither webhook-signature nor Authorization is present",
                fix="sign the request as Standard Webhooks asks",
            )

    def parse(self, request: RawRequest) -> Event:
        if request.callback:
            raise UnknownConnectionError("this connection has no such callback")
        _check_content_type(request)
        document = read_object(request.raw_body)
        event = read_event(document)
        if _is_signed(request) and document["id"] != request.headers.get("webhook-id"):
            raise BadEventError(
                "the event's id is not the webhook-id that was signed",
                field="id",
                fix="send the same id in both places",
            )
        if isinstance(event, RecordingAvailable):
            self._check_address(event)
        return event

    def render(self, event: Event, answer: Answer) -> Reply:
        if isinstance(event, CallStarted):
            return _decision(answer)
        return Reply(204)

    def render_failure(self, request: RawRequest) -> Reply | None:
        try:
            event = self.parse(request)
        except PonctuelError:
            return None
        return _decision(SKIP) if isinstance(event, CallStarted) else None

    def _check_address(self, event: RecordingAvailable) -> None:
        try:
            self._client.check(event.source_ref)
        except ForbiddenSourceError as error:
            raise ForbiddenSourceError(
                error.detail, field="data.url", fix=error.fix
            ) from None


def _client(config: GenericConfig) -> OutboundClient:
    policy = OutboundPolicy(
        allowed_hosts=config.allowed_hosts,
        allow_private_addresses=config.allow_private_addresses,
        idle_timeout=config.idle_timeout,
    )
    token = config.source_token
    return OutboundClient(policy, {"Authorization": f"Bearer {token}"} if token else {})


def _is_signed(request: RawRequest) -> bool:
    # Whoever signs is held to it: a wrong signature is not saved by a right token.
    return bool(request.headers.get("webhook-signature"))


def _check_content_type(request: RawRequest) -> None:
    accepted = (
        {CLOUDEVENTS} if _is_signed(request) else {CLOUDEVENTS, "application/json"}
    )
    if request.media_type not in accepted:
        raise WrongContentTypeError(
            "only structured-mode CloudEvents are understood",
            field="Content-Type",
            fix=f"send {CLOUDEVENTS}",
        )


def _decision(answer: Answer) -> Reply:
    document = {
        # A word, not a boolean: kamailio compares 0 == "true" as true.
        "decision": "record" if answer.is_record else "skip",
        "decision_id": answer.decision_id,
        "announcement": answer.announcement,
        "opt_out_key": answer.opt_out_key,
        "opt_in_key": answer.opt_in_key,
        "max_seconds": answer.max_seconds,
    }
    return Reply(200, "application/json", json.dumps(document).encode())
