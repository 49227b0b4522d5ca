"""What a browser is asked for a passkey, and whether its answer is one.

py_webauthn does the reading and the cryptography; what it raises stays here.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    parse_attestation_object,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from proxy.access.passkeys.refusals import PasskeyRefusedError
from proxy.access.passkeys.store import Passkey

NAME = "Ponctuel"
LONGEST_ANSWER = 16 << 10  # characters
LONGEST_ID = 1023  # bytes; Web Authentication 4, Credential ID
# A browser that is asked for no attestation sends one of these.
_WITHOUT_CERTIFICATES = (AttestationFormat.NONE, AttestationFormat.PACKED)
ASKED_FOR = 120_000  # milliseconds; the challenge itself is good for longer
_BAD = (
    WebAuthnException,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
)

Answer = RegistrationCredential | AuthenticationCredential


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Who asks: the origin our pages have, such as "https://ecoute.example.org"."""

    origin: str

    @property
    def rp_id(self) -> str:
        """The name passkeys are made for: they work at this host alone."""
        return urlsplit(self.origin).hostname or ""

    def ask_for_new(
        self,
        challenge: bytes,
        code: str,
        user_handle: bytes,
        there: Iterable[Passkey],
    ) -> str:
        """Options for `navigator.credentials.create`, as JSON.

        No attestation: which make of device somebody has is nobody's business here.
        """
        options = generate_registration_options(
            rp_id=self.rp_id,
            rp_name=NAME,
            user_id=user_handle,
            user_name=code,
            challenge=challenge,
            timeout=ASKED_FOR,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_described(there),
        )
        return str(options_to_json(options))

    def ask_for(self, challenge: bytes, allowed: Iterable[Passkey]) -> str:
        """Options for `navigator.credentials.get`, as JSON; none allowed means any."""
        options = generate_authentication_options(
            rp_id=self.rp_id,
            challenge=challenge,
            timeout=ASKED_FOR,
            allow_credentials=_described(allowed),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return str(options_to_json(options))

    def read_new(
        self, answer: RegistrationCredential, challenge: bytes
    ) -> VerifiedRegistration:
        """Raises PasskeyRefusedError."""
        try:
            _refuse_frames(answer)
            _refuse_certificates(answer)
            return verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except _BAD:
            raise PasskeyRefusedError from None

    def read_count(
        self, answer: AuthenticationCredential, challenge: bytes, passkey: Passkey
    ) -> int:
        """The counter of an answer that is right. Raises PasskeyRefusedError.

        The library would judge the counter before the signature: so that nobody can
        cast doubt on another's passkey, it is told to begin at 0, and we compare.
        """
        try:
            _refuse_frames(answer)
            shown = verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        except _BAD:
            raise PasskeyRefusedError from None
        return shown.new_sign_count


def parse_new(raw: str) -> RegistrationCredential:
    """Raises PasskeyRefusedError."""
    try:
        return parse_registration_credential_json(_document(raw))
    except _BAD:
        raise PasskeyRefusedError from None


def parse(raw: str) -> AuthenticationCredential:
    """Raises PasskeyRefusedError."""
    try:
        return parse_authentication_credential_json(_document(raw))
    except _BAD:
        raise PasskeyRefusedError from None


def challenge_of(answer: Answer) -> bytes:
    """What it says it was asked. Raises PasskeyRefusedError."""
    try:
        return parse_client_data_json(answer.response.client_data_json).challenge
    except _BAD:
        raise PasskeyRefusedError from None


def _refuse_frames(answer: Answer) -> None:
    """In another's page, ours is clicked unknowingly (Web Authentication 13.4.2)."""
    if parse_client_data_json(answer.response.client_data_json).cross_origin:
        raise PasskeyRefusedError


def _refuse_certificates(answer: RegistrationCredential) -> None:
    """We ask for none, and none is anything a stranger's X.509 should be parsed for."""
    shown = parse_attestation_object(answer.response.attestation_object)
    if shown.fmt not in _WITHOUT_CERTIFICATES or shown.att_stmt.x5c:
        raise PasskeyRefusedError
    if len(answer.raw_id) > LONGEST_ID:
        raise PasskeyRefusedError


def _document(raw: str) -> dict[str, object]:
    if len(raw) > LONGEST_ANSWER:
        raise PasskeyRefusedError
    document = json.loads(raw)
    if not isinstance(document, dict):
        raise PasskeyRefusedError
    return document


def _described(passkeys: Iterable[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=each.credential_id) for each in passkeys]
