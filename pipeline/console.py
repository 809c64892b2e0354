"""How the command line speaks: tables on stdout, messages and progress on stderr, JSON when asked, and its exit codes."""

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

DONE: Final = 0
NO: Final = 1
"""The work was done and the answer is no: a check or a gate failed."""
INTERRUPTED: Final = 130
"""Ended by Ctrl-C."""
WRONG: Final = 2
"""The command could not do its work: wrong words, a file that is not there, a server that does not answer."""

_WIDTH_OF_A_PIPE: Final = 200


def _console(*, stderr: bool) -> Console:
    """A console that fits the terminal; on a pipe, where there is no width, tables are not squeezed."""
    console = Console(stderr=stderr, highlight=False, emoji=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, emoji=False, width=_WIDTH_OF_A_PIPE)


_out = _console(stderr=False)
_err = _console(stderr=True)


_interrupted = threading.Event()


@contextmanager
def _heeding_ctrl_c() -> Iterator[None]:
    """Remember a Ctrl-C: Python loses one that lands in a finaliser, such as that of joblib's generator."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def remember(number: int, frame: FrameType | None) -> None:
        _interrupted.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _interrupted.clear()


def _heed_ctrl_c() -> None:
    if _interrupted.is_set():
        raise KeyboardInterrupt


def say(message: str) -> None:
    """Tell the person at the terminal something; never mixed into the result on stdout."""
    _heed_ctrl_c()
    _err.print(escape(message), soft_wrap=True)


def show_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print a result for machines; NaN, which JSON does not have, becomes null."""
    sys.stdout.write(json.dumps(_plain(value), indent=2, ensure_ascii=False, default=str) + "\n")


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print a table; the columns named in `right` are numbers and aligned so."""
    table = Table(title=escape(title), title_justify="left", title_style="bold", header_style="bold", expand=False)
    for name in columns:
        table.add_column(escape(name), justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    _out.print(table)


def show_line(text: str) -> None:
    """Print one line of the result."""
    _out.print(escape(text), soft_wrap=True)


@contextmanager
def progress_bar(what: str) -> Iterator[Any]:
    """Yield a function (label, done, total) that moves a bar on stderr; on a pipe it stays silent."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), "{task.fields[label]}")
    bar = Progress(*columns, console=_err, disable=not _err.is_terminal)
    with _heeding_ctrl_c(), bar:
        task = bar.add_task(what, total=None, label="")

        def move(label: str, done: int, total: int) -> None:
            _heed_ctrl_c()
            bar.update(task, completed=done, total=total, label=escape(label))

        yield move


@contextmanager
def ctrl_c_asks() -> Iterator[Callable[[], bool]]:
    """Yield "was an end asked for?": the first Ctrl-C asks, so that no chunk is half recorded; the second ends at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set() and callable(before):
            before(number, frame)
        asked.set()

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def stop(message: str, code: int = WRONG) -> NoReturn:
    """End with a plain message on stderr."""
    say(message)
    raise SystemExit(code)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))) else value
