"""From settings to platforms and TLS: the parts that are made differently per kind."""

import ssl
from collections.abc import Mapping

from pydantic import SecretStr

from proxy.errors import SettingsError
from proxy.platforms.base import Platform
from proxy.platforms.generic import GenericConfig, GenericPlatform
from proxy.platforms.twilio import TwilioPlatform
from proxy.platforms.twilio_config import TwilioConfig
from proxy.settings import Settings
from proxy.site_settings import GenericPart, SitePart, TwilioPart


def make_platforms(settings: Settings) -> dict[str, dict[str, Platform]]:
    """Every site's platforms by name. Raises SettingsError with every fault at once."""
    faults: list[str] = []
    made: dict[str, dict[str, Platform]] = {}
    for site, part in settings.sites.items():
        made[site] = {}
        for name, config in part.connections.items():
            try:
                made[site][name] = _make_platform(config, part)
            except SettingsError as error:
                faults.append(f"sites.{site}.connections.{name}.{error}")
    if faults:
        raise SettingsError("\n".join(faults))
    return made


def _make_platform(config: GenericPart | TwilioPart, site: SitePart) -> Platform:
    if isinstance(config, GenericPart):
        return _make_generic(config)
    return _make_twilio(config, site)


def _make_generic(config: GenericPart) -> Platform:
    return GenericPlatform(
        GenericConfig(
            secrets=tuple(secret.get_secret_value() for secret in config.secrets),
            bearer_tokens=tuple(
                token.get_secret_value() for token in config.bearer_tokens
            ),
            source_token=revealed(config.source_token),
            allowed_hosts=config.allowed_hosts,
            allow_private_addresses=config.allow_private_addresses,
        )
    )


def _make_twilio(config: TwilioPart, site: SitePart) -> Platform:
    return TwilioPlatform(
        TwilioConfig(
            account_sid=config.account_sid,
            auth_token=config.auth_token.get_secret_value(),
            secondary_auth_token=revealed(config.secondary_auth_token),
            shared_keys=_revealed_each(config.shared_keys),
            public_url=config.public_url,
            default_forward_to=config.default_forward_to,
            forward_to={
                number: line.forward_to
                for number, line in site.lines.items()
                if line.forward_to
            },
            language=config.language,
            api_base=config.api_base,
            allow_private_addresses=config.api_base.startswith("http://127.0.0.1"),
        )
    )


def _revealed_each(secrets: Mapping[str, SecretStr]) -> dict[str, str]:
    return {key: secret.get_secret_value() for key, secret in secrets.items()}


def revealed(secret: SecretStr | None) -> str | None:
    """A secret's value, for the part that needs it."""
    return None if secret is None else secret.get_secret_value()


def make_tls(settings: Settings) -> ssl.SSLContext | None:
    """The listener's TLS; None when a proxy ends it or nobody outside can connect."""
    http = settings.http
    if http.tls_certificate is None or http.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(http.tls_certificate, http.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"certificate or key cannot be used: {error.strerror or error}",
            field="http.tls_certificate",
            fix="name PEM files this user may read",
        ) from error
    return context
