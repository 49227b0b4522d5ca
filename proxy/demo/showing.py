"""The demo on a screen: chapters, a progress bar, and tables anyone can read."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from proxy.demo.accounts import Accounts
from proxy.demo.ground import Ground
from proxy.demo.story import Chapter
from proxy.demo.words import Words

# Trials of which a share must have gone well: that share's name at the platform.
_SHARES = {"forged": "forged_refused", "duplicates": "duplicates_agreed"}


class Screen:
    """What a person sees; nothing of the story on standard output until it is told."""

    def __init__(self, words: Words, *, is_quiet: bool) -> None:
        self._words = words
        self._is_quiet = is_quiet
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )

    @contextmanager
    def counting(self, calls: int) -> Iterator[None]:
        """Show the bar, up to `calls`."""
        with self._progress:
            self._progress.add_task(self._words.calls_placed, total=calls)
            yield

    def begin(self, chapter: Chapter) -> None:
        if not self._is_quiet:
            self._console.print(self._words.chapters[chapter])

    def count(self, done: int) -> None:
        for task in self._progress.task_ids:
            self._progress.update(task, completed=done)


def report(words: Words, accounts: Accounts, ground: Ground) -> RenderableType:
    """Everything a run came to, and where to look next."""
    return Group(
        tables(words, accounts),
        verdict(words, accounts),
        "",
        _next_steps(words, ground),
    )


def tables(words: Words, accounts: Accounts) -> RenderableType:
    """Both tables: what became of the calls, and of the platform's mischief."""
    return Group(_figures(words, accounts), "", _trials(words, accounts), "")


def verdict(words: Words, accounts: Accounts) -> Text:
    """What the replay found, and what it could not look at."""
    replayed = accounts.replayed
    found = [f"{each.code} ({each.seq}): {each.detail}" for each in replayed.findings]
    unchecked = [
        f"{words.reasons[reason]} ({number})"
        for reason, number in replayed.not_checked.items()
    ]
    lines = [words.verified if not found else f"{words.findings} {'; '.join(found)}"]
    if accounts.surprises:
        lines.append(f"{words.surprises} {', '.join(accounts.surprises)}")
    if unchecked:
        lines.append(f"{words.not_checked} {', '.join(unchecked)}")
    return Text("\n".join(lines))


def _figures(words: Words, accounts: Accounts) -> Table:
    table = Table(title=words.title, title_justify="left")
    table.add_column(words.what)
    table.add_column(words.how_many, justify="right")
    for name, meaning in words.figures.items():
        table.add_row(meaning, str(getattr(accounts, name)))
    return table


def _trials(words: Words, accounts: Accounts) -> Table:
    table = Table(title=words.trials_title, title_justify="left")
    table.add_column(words.trial)
    table.add_column(words.result, justify="right")
    for name, meaning in words.trials.items():
        number = str(accounts.platform[name])
        if name in _SHARES:
            number = f"{accounts.platform[_SHARES[name]]} / {number}"
        table.add_row(meaning, number)
    return table


def _next_steps(words: Words, ground: Ground) -> Text:
    command = f"PONCTUEL_CONFIG={quote(str(ground.settings_file))} ponctuel"
    places = {
        "doctor": f"{command} doctor",
        "sweep": f"{command} retention sweep",
        "serve": f"{command} serve",
        "auditor": str(ground.auditor_file),
        "ground": str(ground.directory),
    }
    text = Text(words.next_title, style="italic")
    for name, meaning in words.next_steps.items():
        text.append(f"\n{meaning}", style="not italic bold")
        # On a line of its own: a command must be copied whole.
        text.append(f"\n  {places[name]}", style="not italic")
    return text
