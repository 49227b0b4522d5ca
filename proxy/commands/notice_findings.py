"""What `ponctuel doctor` says of what callers are told: whether it is so."""

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from proxy.commands.finding import Finding
from proxy.letters.checking import LetterFactError
from proxy.letters.notices import NoticeKind
from proxy.letters.speech import LANGUAGES
from proxy.rights.notices.spoken import faults_of_speech
from proxy.site import Site


def of_notices(site: Site) -> Iterator[Finding]:
    """Whether there is a notice, and whether what is spoken agrees with it."""
    yield _of_notice(site)
    yield from _of_speech(site)


def _of_notice(site: Site) -> Finding:
    name = f"{site.name}: notice"
    try:
        versions = [
            site.notices.current(NoticeKind.NOTICE, language).version
            for language in LANGUAGES
        ]
    except LetterFactError as error:
        return Finding(
            name,
            "warn",
            f"none can be made, nor any letter: {error.field} is missing; set "
            f"sites.{site.name}.rights and dpo_contact (docs/settings.md)",
        )
    return Finding(name, "ok", f"version {' and '.join(versions)}")


def _of_speech(site: Site) -> Iterator[Finding]:
    """One line for each text, with everything that is not so in it."""
    faults = faults_of_speech(site.calls.policy, site.clock().date())
    for field, found in groupby(faults, key=attrgetter("field")):
        said = "; ".join(f"{fault.wrong}: {fault.fix}" for fault in found)
        yield Finding(
            f"{site.name}: policy, {field}",
            "warn",
            f"{said} (ponctuel policy draft; a text that fits: ponctuel notices show "
            "--kind announcement)",
        )
