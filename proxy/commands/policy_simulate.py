"""`ponctuel policy simulate`: what a policy would give, before anybody is asked.

It needs no settings, no database and no site.
"""

import argparse
import asyncio
from pathlib import Path

from proxy.access.permissions import Permission
from proxy.commands.acting import acting
from proxy.commands.files import whole_file
from proxy.commands.policy_text import policy_from_file, policy_from_rates
from proxy.commands.policy_traffic import add_traffic, option_of, traffic_of
from proxy.commands.progress import counting
from proxy.commands.running import Parsers, add_command, add_json, show
from proxy.errors import SettingsError
from proxy.policy_document import PolicyPart
from proxy.settings import load_settings
from sampling.policy import SamplingPolicy
from sampling.simulate import USUAL_REPLICATIONS, Simulation, simulate
from sampling.simulation.faults import SimulationInputError
from sampling.simulation.words import in_words

_USUAL_SEED = 1


def add_simulate(parsers: Parsers) -> None:
    command = add_command(
        parsers,
        "simulate",
        _simulate,
        "Say what a policy would give: recordings per agent, how near the ceiling.",
        "ponctuel policy simulate --agents 40 --calls-per-agent 150 --rate 0.018",
        may=Permission.SIMULATION_RUN,
    )
    _add_policy(command)
    add_traffic(command)
    command.add_argument(
        "--replications",
        type=int,
        default=USUAL_REPLICATIONS,
        help="imaginary periods (default: %(default)s)",
    )
    command.add_argument(
        "--seed",
        type=int,
        default=_USUAL_SEED,
        help="the same seed gives the same figures (default: %(default)s)",
    )
    command.add_argument(
        "--svg", type=Path, metavar="OUT", help="draw a picture, too, into this file"
    )
    add_json(command)


def _add_policy(command: argparse.ArgumentParser) -> None:
    """Exactly one of these; the other figures of a policy are then the usual ones."""
    policy = command.add_mutually_exclusive_group(required=True)
    policy.add_argument(
        "--rate", help='the usual policy at this rate: "1.8%%" or 0.018'
    )
    policy.add_argument(
        "--file", type=Path, metavar="POLICY", help="a policy document, TOML or JSON"
    )
    policy.add_argument("--site", help="the policy in the settings of this site")
    command.add_argument(
        "--number",
        type=int,
        metavar="N",
        help="with --site: this draft of it instead; the figures are kept with it, "
        "which takes PONCTUEL_TOKEN",
    )
    command.add_argument("--ceiling", help="with --rate: tokens per call (usual: 2%%)")
    command.add_argument("--burst", help="with --rate: the bucket's size (usual: 50)")
    command.add_argument("--smooth", help="with --rate: falls below this (usual: 20)")


def _simulate(args: argparse.Namespace) -> int:
    if args.number is not None:
        return asyncio.run(_simulate_draft(args))
    _figures(args)
    return 0


async def _simulate_draft(args: argparse.Namespace) -> int:
    """Try what somebody wants to propose, and keep what came of it."""
    if args.site is None:
        raise SettingsError("goes with --site only", field="--number", fix="name it")
    async with acting(args.site, args.may) as (site, actor):
        draft = await site.governance.find(args.number)
        figures = await asyncio.to_thread(_figures, args, draft.policy)
        await site.governance.note_simulated(actor, draft.number, draft.digest, figures)
    return 0


def _figures(
    args: argparse.Namespace, policy: SamplingPolicy | None = None
) -> dict[str, object]:
    """What would happen, also shown; without a policy of the one that is asked for."""
    try:
        traffic = traffic_of(args)
        policy = policy or _policy(args, traffic.days).to_policy(version=1)
        with counting("imaginary periods", args.replications) as on_progress:
            done = simulate(policy, traffic, args.replications, args.seed, on_progress)
    except SimulationInputError as error:
        raise SettingsError(
            error.wrong, field=option_of(error.field), fix=error.fix
        ) from None
    if args.svg:
        _draw(done, args.svg)
    figures = done.summary()
    show(dict(figures) if args.json else in_words(figures), as_json=args.json)
    return figures


def _policy(args: argparse.Namespace, days: int) -> PolicyPart:
    rates = {name: getattr(args, name) for name in ("ceiling", "burst", "smooth")}
    given = {name: text for name, text in rates.items() if text is not None}
    if args.rate is not None:
        return policy_from_rates(given | {"rate": args.rate}, days)
    if given:
        raise SettingsError(
            "goes with --rate only",
            field=f"--{next(iter(given))}",
            fix="write it into the policy",
        )
    return policy_from_file(args.file) if args.file else _policy_of_site(args.site)


def _policy_of_site(name: str) -> PolicyPart:
    sites = load_settings().sites
    if name not in sites:
        known = ", ".join(sites) or "none"
        raise SettingsError(
            "there is no such site", field="--site", fix=f"known: {known}"
        )
    policy = sites[name].policy
    if policy is None:
        raise SettingsError(
            "this site's settings have no policy",
            field="--site",
            fix="write one, or use --file",
        )
    return policy


def _draw(done: Simulation, path: Path) -> None:
    with whole_file(path, "--svg") as stream:
        stream.write(done.picture().encode())
