"""Whether what is said in the call is what is in force: the keys, and how long.

A policy's texts are written by people and played by the platform, as they are. Read for
figures only: a key or a time in words is not understood, and is asked to be a figure.
"""

import re
from collections.abc import Iterator
from datetime import date

from sampling.policy import Conditions, Consent, PolicyFault, SamplingPolicy

_KEY = re.compile(
    r"\b(?:touche|key|appuyez sur|appuyer sur|press|pressing)"
    r"(?: la touche| le| la| key| the)*"
    r" (étoile|dièse|star|hash|pound|[0-9*#])(?![0-9])",
    re.IGNORECASE,
)
_SYMBOLS = {"étoile": "*", "star": "*", "dièse": "#", "hash": "#", "pound": "#"}
_SPAN = re.compile(
    r"\b([0-9]{1,4}) ?(jour|day|semaine|week|mois|month)s?\b", re.IGNORECASE
)
# The shortest and the longest that such a span can be, in days.
_DAYS = {
    "jour": (1, 1),
    "day": (1, 1),
    "semaine": (7, 7),
    "week": (7, 7),
    "mois": (28, 31),
    "month": (28, 31),
}


def faults_of_speech(policy: SamplingPolicy, today: date) -> Iterator[PolicyFault]:
    """What callers are told today that is not so; UTC day."""
    running = [
        each for each in (policy, *policy.strata) if each.has_days and each.rate_ppm
    ]
    running = [each for each in running if today < each.ends_on]
    for consent, field, text, key in (
        (Consent.OPT_OUT, "announcement", policy.announcement, policy.opt_out_key),
        (Consent.OPT_IN, "request", policy.request, policy.opt_in_key),
    ):
        told = [each for each in running if each.consent is consent]
        if told:
            yield from _key_faults(field, text, key)
            yield from _span_faults(field, text, told)


def _key_faults(field: str, text: str, key: str) -> Iterator[PolicyFault]:
    said = {_SYMBOLS.get(each.lower(), each) for each in _KEY.findall(_plain(text))}
    if not said:
        yield PolicyFault(field, "names no key", f"name {key}, as a figure")
    elif said != {key}:
        wrong = f"names {' and '.join(sorted(said))}, and {key} is in force"
        yield PolicyFault(field, wrong, f"name {key}")


def _span_faults(
    field: str, text: str, told: list[Conditions]
) -> Iterator[PolicyFault]:
    """A text need not say how long; if it does, it says the longest there is."""
    longest = max(each.kept_days for each in told)
    said = _SPAN.findall(_plain(text))
    if said and not any(_is_it(int(n), unit.lower(), longest) for n, unit in said):
        spoken = " and ".join(f"{number} {unit}" for number, unit in said)
        wrong = f"says {spoken}, and recordings are kept {longest} days"
        yield PolicyFault(field, wrong, f"say {longest} days, or leave it out")


def _is_it(number: int, unit: str, days: int) -> bool:
    shortest, longest = _DAYS[unit]
    return number * shortest <= days <= number * longest


def _plain(text: str) -> str:
    """One space between words, whichever kind it was."""
    return " ".join(text.split())
