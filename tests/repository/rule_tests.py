"""Write `deploy/prometheus/tests/`, promtool's unit tests of the rules.

    python -m tests.repository.rule_tests

One month of a healthy site with every series of the contract, on which all rules are
silent; for every alert its fault, after which it fires, and nothing else does; and
series that are missing, everywhere or at one site.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from proxy.metrics_contract import CONTRACT, Key, SiteLabels
from tests.repository.rule_scenarios import FAULTS, HEALTHY, MONTH, NOW, Fault

FOLDER = Path(__file__).parents[2] / "deploy/prometheus/tests"
HEAD = "# Written by tests/repository/rule_tests.py. Run: promtool test rules FILE\n"
EVERYTHING = SiteLabels(("cardio_in", "cardio_out"), ("dpo", "cse"))
SERIES = {name: metric for metric in CONTRACT for name in metric.series}
FIRING = 'ALERTS{alertstate="firing"}'
TOLD = f"group by (alertname, site) ({FIRING})"
MISSED = f"group by (metric, site) ({FIRING})"
OPTIONAL = "witness_cosign_timestamp_seconds"
BEAT = "publication_timestamp_seconds"


def written(key: Key, site: str = "north") -> str:
    """A series as PromQL spells it."""
    metric = SERIES[key[0]]
    names = [label.name for label in metric.labels] or ["le"]
    labels = zip(names, key[1:], strict=False)
    shown = "".join(f', {name}="{value}"' for name, value in labels)
    return f'ponctuel_{key[0]}{{site="{site}"{shown}}}'


def healthy(key: Key) -> str:
    """Its samples on a healthy site: the most exact of those written down."""
    name, *labels = key
    candidates = [f"{name} {label}" for label in labels] + [name]
    return next((HEALTHY[each] for each in candidates if each in HEALTHY), f"0x{MONTH}")


def key_of(text: str) -> Key:
    """`failed_total announcement`; labels left out are the first there are."""
    name, *labels = text.split(" ")
    first = next(key for key in SERIES[name].keys(EVERYTHING) if key[0] == name)
    return (name, *labels, *first[1 + len(labels) :])


def samples(series: dict[Key, str], site: str = "north") -> list[dict[str, str]]:
    return [
        {"series": written(key, site), "values": values}
        for key, values in series.items()
    ]


def expect(expression: str, at: str, *found: str) -> dict[str, object]:
    told = [{"labels": labels, "value": 1} for labels in found]
    return {"expr": expression, "eval_time": at, "exp_samples": told}


def of_fault(fault: Fault) -> dict[str, object]:
    series = {key_of(text): values for text, values in fault.goes.items()}
    series |= {key_of(text): healthy(key_of(text)) for text in fault.holds}
    return {
        "name": fault.alert,
        "interval": "30m",
        "input_series": samples(series),
        "promql_expr_test": [
            expect(TOLD, fault.silent_until, *_told(fault.before)),
            expect(TOLD, fault.by, *_told((fault.alert, *fault.also))),
        ],
    }


def _told(alerts: Iterable[str]) -> list[str]:
    return [f'{{alertname="{name}", site="north"}}' for name in alerts]


def of_health() -> dict[str, object]:
    keys = [key for metric in CONTRACT for key in metric.keys(EVERYTHING)]
    return {
        "name": "every rule is silent on a healthy site, for a month",
        "interval": "30m",
        "input_series": samples({key: healthy(key) for key in keys}),
        "promql_expr_test": [expect(f"count_over_time({FIRING}[31d])", "31d")],
    }


def of_silence() -> Iterator[dict[str, object]]:
    """What is missing: everything; all but a heartbeat; a site; a witness."""
    names = [metric.full_name for metric in CONTRACT if metric.name != OPTIONAL]
    beat = f"ponctuel_{BEAT}"
    others = [name for name in names if name != beat]
    yield {
        "name": "no site has any figure",
        "interval": "30m",
        "input_series": [{"series": "up", "values": "1x9"}],
        "promql_expr_test": [
            expect(MISSED, "1h", *(f'{{metric="{name}"}}' for name in names))
        ],
    }
    yield {
        "name": "a site beside a healthy one gives its heartbeat and nothing else",
        "interval": "30m",
        "input_series": [
            *samples(
                {
                    key: healthy(key)
                    for metric in CONTRACT
                    for key in list(metric.keys(EVERYTHING))[:1]
                }
            ),
            *samples({(BEAT,): NOW}, "south"),
        ],
        "promql_expr_test": [
            expect(
                MISSED,
                "1h",
                *(f'{{metric="{name}", site="south"}}' for name in others),
            )
        ],
    }
    yield from (_silent_site(), _silent_witness())


def _silent_site() -> dict[str, object]:
    missing = f'{FIRING[:-1]}, alertname="PonctuelSiteSilent"}}'
    return {
        "name": "PonctuelSiteSilent",
        "interval": "30m",
        "input_series": samples({(BEAT,): "0+1800x47"}, "south")
        + samples({(BEAT,): NOW}),
        "promql_expr_test": [
            expect(f"group by (site) ({missing})", "23h"),
            expect(f"group by (site) ({missing})", "25h", '{site="south"}'),
        ],
    }


def _silent_witness() -> dict[str, object]:
    key = (OPTIONAL, "dpo")
    missed = f'{FIRING[:-1]}, metric="ponctuel_{OPTIONAL}"}}'
    return {
        "name": "a witness's figure is missed only where there was one",
        "interval": "30m",
        "input_series": samples({key: "0+1800x47"}) + samples({(BEAT,): NOW}, "south"),
        "promql_expr_test": [
            expect(f"group by (site) ({missed})", "23h"),
            expect(f"group by (site) ({missed})", "25h", '{site="north"}'),
        ],
    }


def files() -> dict[str, str]:
    """Every file of the folder, by its name."""
    found = {
        f"{topic}_test.yml": _file([topic], map(of_fault, faults), "30m")
        for topic, faults in FAULTS.items()
    }
    every = [*FAULTS, "silence"]
    found["healthy_test.yml"] = _file(every, [of_health()], "2h")
    found["silence_test.yml"] = _file(["silence"], of_silence(), "30m")
    return found


def _file(topics: Iterable[str], tests: Iterable[dict], evaluated: str) -> str:
    content = {
        "rule_files": [f"../rules/{topic}.yml" for topic in topics],
        "evaluation_interval": evaluated,
        "tests": list(tests),
    }
    return HEAD + re.sub(
        r"\n- name", r"\n\n- name", yaml.safe_dump(content, sort_keys=False, width=120)
    )


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text)
