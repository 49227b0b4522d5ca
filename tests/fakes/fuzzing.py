"""Schemathesis against a running API: what it asked, and what did not fit."""

import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

# What the document promises, and what every API should keep to.
_CHECKS = {"positive_data_acceptance": {"enabled": False}}
# HTTP servers refuse a longer request line (RFC 9112, 3) before any of ours is asked.
_LONGEST_URI = 8000


@dataclass
class Findings:
    """What came of a run: answers by operation and status, and every finding."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def note(self, event: events.ScenarioFinished) -> None:
        asked = event.recorder
        known = self.statuses.setdefault(asked.label, Counter())
        for interaction in asked.interactions.values():
            if interaction.response:
                known[interaction.response.status_code] += 1
        self.faults += [
            f"{asked.label}: {check.name}: {check.failure_info.failure}\n"
            f"{check.failure_info.code_sample}"
            for case, checks in asked.checks.items()
            if not _is_too_long(asked, case)
            for check in checks
            if check.failure_info
        ]


def _is_too_long(asked: ScenarioRecorder, case: str) -> bool:
    interaction = asked.interactions.get(case)
    return interaction is not None and len(interaction.request.uri) > _LONGEST_URI


def fuzz(
    address: str,
    shown: Mapping[str, str],
    known: Mapping[str, Sequence[Any]],
    *,
    phases: Sequence[str],
    examples: int,
    only: Collection[str] | None = None,
) -> Findings:
    """Ask everything the document describes, well and badly. Always the same questions.

    `only`: some operations of it, as "GET /sites/{site}/gates".

    `shown`: headers that say who asks. `known`: values of parameters that exist, such
    as `path.site`.
    """
    findings = Findings()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of generators, and of nothing of ours
        schema = schemathesis.openapi.from_url(
            f"{address}/openapi.json", config=_config(shown, known, phases, examples)
        )
        if only is not None:
            schema = schema.include(lambda found: found.operation.label in only)
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                findings.note(event)
            elif isinstance(event, events.NonFatalError):
                findings.faults.append(f"{event.label}: {event.value}")
            elif isinstance(event, events.FatalError):
                raise event.exception
    return findings


def _config(
    shown: Mapping[str, str],
    known: Mapping[str, Sequence[Any]],
    phases: Sequence[str],
    examples: int,
) -> SchemathesisConfig:
    every = ("examples", "coverage", "fuzzing", "stateful")
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": dict(shown),
            "request-timeout": 60,
            "continue-on-failure": True,
            "dictionaries": {
                name.partition(".")[2]: {"values": list(values)}
                for name, values in known.items()
            },
            "parameters": {
                name: {"dictionary": name.partition(".")[2]} for name in known
            },
            "generation": {
                "deterministic": True,
                "max-examples": examples,
                "database": "none",
                "no-shrink": True,
            },
            "checks": _CHECKS,
            "phases": {name: {"enabled": name in phases} for name in every},
        }
    )
