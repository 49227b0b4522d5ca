"""From settings to platforms and TLS: the parts that are made differently per kind."""

import importlib
import ssl
from collections.abc import Mapping
from datetime import timedelta

from pydantic import SecretStr

from proxy.access.hours import Hours
from proxy.access.oidc_config import OidcConfig
from proxy.access.people import People, Person
from proxy.access.permissions import Actor, Role
from proxy.access.surroundings import AccessConfig
from proxy.access_settings import AccessPart, OidcPart
from proxy.database.second_clock import SecondClock
from proxy.errors import NoteError, SettingsError
from proxy.intake.randomness.source import IsSigned, OutsideSource
from proxy.ledger.note import KeyKind, VerifierKey
from proxy.ledger.timestamps import Authority
from proxy.ledger.witnessing import Witness
from proxy.platforms.base import Platform
from proxy.platforms.generic import GenericConfig, GenericPlatform
from proxy.platforms.twilio import TwilioPlatform
from proxy.platforms.twilio_config import TwilioConfig
from proxy.rights.config import Practice, RightsConfig
from proxy.rights.senders import SenderConfig
from proxy.rights_settings import SenderPart
from proxy.settings import Settings, TimestampsPart, TransitPart
from proxy.site_config import SiteConfig
from proxy.site_settings import GenericPart, SitePart, TwilioPart, WitnessPart
from proxy.vault.filesystem import FilesystemStore
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.key_store import KeyStore
from proxy.vault.objects import ObjectStore
from proxy.vault.transit import TransitKeys
from proxy.vault.transit_client import TransitConfig
from proxy.vault.two_keepers import TwoKeepers
from sampling.mixing import Mode

# Of TLS 1.2 only what is forward secret and authenticated (RFC 9325, 4.2); 1.3 has
# nothing else.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


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
            call_list_url=config.call_list_url,
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


def make_witnesses(settings: Settings) -> dict[str, tuple[Witness, ...]]:
    """Every site's witnesses. Raises SettingsError with every fault at once."""
    faults: list[str] = []
    made: dict[str, tuple[Witness, ...]] = {}
    for site, part in settings.sites.items():
        witnesses = []
        for place, config in enumerate(part.witnesses):
            try:
                witnesses.append(_make_witness(config))
            except NoteError as error:
                faults.append(f"sites.{site}.witnesses.{place}.key: {error}")
        made[site] = tuple(witnesses)
    if faults:
        raise SettingsError("\n".join(faults))
    return made


def _make_witness(config: WitnessPart) -> Witness:
    key = VerifierKey.parse(config.key)
    if key.kind is not KeyKind.WITNESS:
        raise NoteError("this is a log's key; a witness's is of type 4")
    return Witness(key, config.url, config.role)


def make_people(settings: Settings) -> People:
    """Everybody the settings list, of all sites."""
    return People(
        Person(Actor(code, Role(part.role), site), part.token_sha256)
        for site, of_site in settings.sites.items()
        for code, part in of_site.people.items()
    )


def make_access_config(part: SitePart) -> AccessConfig:
    """What a site is told about its people."""
    return AccessConfig(
        idle=part.access.idle,
        longest=part.access.longest,
        has_break_glass=part.access.break_glass,
        hours=_hours(part.access),
        review_sample=part.access.review_sample,
        listed={code: Role(person.role) for code, person in part.people.items()},
        practices=frozenset(part.practices),
        public_url=part.access.public_url,
        oidc=_oidc_config(part.access.oidc),
    )


def _hours(part: AccessPart) -> Hours:
    return Hours(
        zone=part.time_zone,
        opens=part.opens,
        closes=part.closes,
        has_weekends=part.weekends,
    )


def _oidc_config(part: OidcPart | None) -> OidcConfig | None:
    if part is None:
        return None
    return OidcConfig(
        issuer=part.issuer,
        client_id=part.client_id,
        client_secret=revealed(part.client_secret) or "",
        secret_file=part.secret_file,
        roles={group: Role(role) for group, role in part.roles.items()},
        groups_claim=part.groups_claim,
        scopes=part.scopes,
        acr=part.acr,
        amr=part.amr,
        hosts=part.hosts,
        ca_file=part.ca_file,
    )


def make_rights_config(site: str, part: SitePart) -> RightsConfig:
    """What a site is told about the rights of the persons it recorded."""
    told = part.rights
    return RightsConfig(
        country=told.country,
        controller=told.controller or site,
        contact=told.contact or part.dpo_contact,
        dpo_contact=part.dpo_contact,
        link=timedelta(days=told.link_days),
        practices={
            code: Practice(is_controller=each.is_controller, contact=each.contact)
            for code, each in part.practices.items()
        },
        lines={
            number: part.line_groups[line.group].practice
            for number, line in part.lines.items()
        },
        hours=_hours(part.access),
        sender=_sender_config(told.sender),
    )


def _sender_config(part: SenderPart | None) -> SenderConfig | None:
    if part is None:
        return None
    return SenderConfig(
        url=part.url,
        secret=part.secret.get_secret_value(),
        hosts=part.all_hosts,
        ca_file=part.ca_file,
        allow_private_addresses=part.allow_private_addresses,
    )


def make_site_config(
    settings: Settings,
    name: str,
    witnesses: tuple[Witness, ...],
    second_clock: SecondClock | None,
) -> SiteConfig:
    """Everything one site is told."""
    part = settings.sites[name]
    origin = part.origin or f"ponctuel.example/{name}"
    return SiteConfig(
        policy=part.policy,
        dpos_word=part.dpos_word,
        kinds=part.kinds | {"backups": settings.backups.written},
        mode=part.randomness.mode,
        outside=make_outside(name, part, origin),
        witnesses=witnesses,
        quorum=part.quorum,
        lines=part.to_lines(),
        epoch_seconds=settings.draw.epoch_seconds,
        epochs_ahead=settings.draw.epochs_ahead,
        inspection_weeks=settings.draw.inspection_weeks,
        max_bytes=settings.vault.max_bytes,
        origin=origin,
        publication_seconds=settings.metrics.interval_seconds,
        time_authority=make_time_authority(settings.timestamps),
        dpo_contact=part.dpo_contact,
        keep_opt_outs=part.keep_opt_outs,
        longest_kept_days=settings.longest_kept_days,
        second_clock=second_clock,
        analysis_terms=part.analyses.to_terms(),
        access=make_access_config(part),
        rights=make_rights_config(name, part),
        notice_page=_notice_page(name, part),
    )


def _notice_page(site: str, part: SitePart) -> str:
    public = part.access.public_url
    return f"{public}/console/notice/{site}" if public else ""


def make_outside(site: str, part: SitePart, origin: str) -> OutsideSource:
    """Where a site's outside values come from, whatever its mode was before."""
    is_signed = _beacon_check()
    if part.randomness.mode is Mode.DRAND and is_signed is None:
        raise SettingsError(
            "drand needs a library that can check its signatures",
            field=f"sites.{site}.randomness.mode",
            fix="pip install 'ponctuel[drand]'",
        )
    return OutsideSource(part.randomness.urls, origin, is_signed)


def _beacon_check() -> IsSigned | None:
    """How beacons are checked; None without the extra `drand`."""
    try:
        quicknet = importlib.import_module("proxy.intake.randomness.quicknet")
    except ImportError:
        return None
    is_signed: IsSigned = quicknet.is_signed
    return is_signed


def make_objects(settings: Settings) -> ObjectStore:
    """Where sealed objects lie. Nothing is asked yet."""
    part = settings.vault.s3
    if part is None:
        return FilesystemStore(settings.objects_directory)
    try:
        s3 = importlib.import_module("proxy.vault.s3.store")
    except ImportError:
        raise SettingsError(
            "a bucket needs a library that speaks S3",
            field="vault.s3",
            fix="pip install 'ponctuel[s3]'",
        ) from None
    store: ObjectStore = s3.S3Store(
        s3.S3Config(
            endpoint=part.endpoint,
            bucket=part.bucket,
            prefix=part.prefix,
            region=part.region,
            access_key=part.access_key,
            secret_key=part.secret_key.get_secret_value(),
            is_path_style=part.is_path_style,
            ca_file=part.ca_file,
        )
    )
    return store


def make_tls(settings: Settings) -> ssl.SSLContext | None:
    """The listener's TLS; None when a proxy ends it or nobody outside can connect."""
    http = settings.http
    if http.tls_certificate is None or http.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    try:
        context.load_cert_chain(http.tls_certificate, http.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"certificate or key cannot be used: {error.strerror or error}",
            field="http.tls_certificate",
            fix="name PEM files this user may read",
        ) from error
    return context


def make_time_authority(part: TimestampsPart) -> Authority | None:
    """Who dates heads (RFC 3161); None when nobody is asked."""
    if part.certificate is None:
        return None
    try:
        return Authority.trusting(part.url, part.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"cannot be used: {error}",
            field="timestamps.certificate",
            fix="name a PEM file with the authority's root certificate",
        ) from None


def make_key_store(settings: Settings, site: str) -> KeyStore:
    """Where a site's keys are kept. Nothing is asked yet."""
    vault = settings.vault
    store: KeyStore = KeyDirectory(settings.keys_directory, site)
    if vault.transit:
        store = _make_transit(vault.transit, "vault.transit", site)
    if vault.custodian:
        return TwoKeepers(
            store, _make_transit(vault.custodian, "vault.custodian", site)
        )
    return store


def _make_transit(part: TransitPart, setting: str, site: str) -> KeyStore:
    config = TransitConfig(
        address=part.address,
        token=part.token.get_secret_value(),
        token_file=part.token_file,
        mount=part.mount,
        notes_mount=part.notes_mount,
        ca_file=part.ca_file,
        setting=setting,
    )
    return TransitKeys(config, site)
