"""What a command says while it works: a line a step, with what came of it and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

# Said of steps that were over in less: nothing about time.
_WORTH_SAYING = 1.0


class Outcome:
    """What came of a step; a step that says nothing is `done`."""

    def __init__(self) -> None:
        self.text = "done"

    def __call__(self, text: str) -> None:
        """Say it."""
        self.text = text


class Steps:
    """Tells a terminal, or whatever reads instead of one."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, what: str) -> Iterator[Outcome]:
        """A step under way; its line stands when it is over."""
        outcome = Outcome()
        begun = time.monotonic()
        try:
            with self._console.status(f"{what} ..."):
                yield outcome
        except BaseException:
            self.say(f"{what}: not done")
            raise
        took = time.monotonic() - begun
        seconds = f" ({took:.0f} s)" if took >= _WORTH_SAYING else ""
        self.say(f"{what}: {outcome.text}{seconds}")

    def say(self, text: str) -> None:
        """A line, as it is."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
