"""What Python has not inside of a component, and the sentence that says so.

A component has no clock, no randomness of its own, no files, no environment and no processes. Without this module
their use would end the call with a bare trap; with it they raise a :class:`NotInSandbox` that names what is missing.

- ``print`` and ``sys.stderr`` go to the log.
- Modules and data files are loaded while the component is built: an ``import`` inside of a function works only if the
  module was imported at the top of another one, and files are read at the top of a module.
- ``random`` is seeded from ``context.idempotency_key`` before each call: other executions get other numbers, and
  another attempt of the same gets the same.
- ``datetime`` is the standard library's version in Python, whose ``now`` and ``today`` find no clock. Take times from
  the input, or from the header ``Date`` of an answer.
"""

from __future__ import annotations

import builtins
import importlib
import io
import os
import sys
import time
from collections.abc import Callable
from typing import Any

_CLOCKS = """
    time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time
    thread_time_ns clock_gettime clock_gettime_ns sleep localtime gmtime ctime asctime strftime
""".split()
_FILES = """
    open stat lstat listdir scandir access remove unlink rename replace mkdir rmdir readlink getcwd chdir utime
    truncate link symlink
""".split()
_OPTIONAL_TIME = {"localtime": 0, "gmtime": 0, "ctime": 0, "asctime": 0, "strftime": 1}
"""Functions that ask the clock only if they are not given a time, and where that argument stands."""

_WITHOUT: dict[str, Any] = {"_datetime": None, "_zoneinfo": None}
"""Modules in C that ask the clock past the guards, and whose Python versions take their place."""
_LOADED_ON_USE = {"datetime": "_strptime"}
"""Modules that the standard library imports only when it needs them, by who needs them."""
_ENCODINGS = ("ascii", "cp1252", "latin_1", "utf_16", "utf_16_be", "utf_16_le", "utf_8_sig")

_running = False


class NotInSandbox(RuntimeError):
    """A call used what a component has not."""


def prepare() -> None:
    """Puts the guards in place. They let everything pass until :func:`begin_call`: while the component is built there
    are files. Called before the block's own modules are imported."""
    sys.modules.update(_WITHOUT)
    for name in _CLOCKS:
        if hasattr(time, name):
            setattr(time, name, _guarded(getattr(time, name), _clock(name), _OPTIONAL_TIME.get(name)))
    for name in _FILES:
        if hasattr(os, name):
            setattr(os, name, _guarded(getattr(os, name), f"os.{name}: a block has no files during a call"))
    opening = _guarded(io.open, "open: a block has no files during a call; read them at the top of a module")
    builtins.open = io.open = opening
    os.urandom = _guarded(os.urandom, "a block has no source of randomness: derive ids from context.idempotency_key")
    if "random" in sys.modules:
        setattr(sys.modules["random"], "_urandom", os.urandom)
    sys.meta_path.insert(_before_files(), _BuiltOnly())


def load() -> None:
    """Imports what the standard library would import during a call, where there is nothing to import from. Called
    after the block's own modules are imported."""
    for user, module in _LOADED_ON_USE.items():
        if user in sys.modules:
            importlib.import_module(module)
    for encoding in _ENCODINGS:
        importlib.import_module(f"encodings.{encoding}")


def begin_call(idempotency_key: str, log: Callable[[str, str], None]) -> None:
    """From here on there is a sandbox. ``log`` takes a level and a line that the block printed."""
    global _running
    _running = True
    sys.stdout = _Lines(log, "info")
    sys.stderr = _Lines(log, "warn")
    random = sys.modules.get("random")
    if random is not None:
        random.seed(idempotency_key)


def end_call() -> None:
    """Hands on what was printed without a line break."""
    sys.stdout.flush()
    sys.stderr.flush()


def _clock(name: str) -> str:
    return f"time.{name}: a block has no clock; take times from the input, or from the header `Date` of an answer"


def _guarded(function: Callable[..., Any], message: str, time_at: int | None = None) -> Callable[..., Any]:
    def guarded(*arguments: Any, **named: Any) -> Any:
        given = time_at is not None and len(arguments) > time_at and arguments[time_at] is not None
        if _running and not given:
            raise NotInSandbox(message)
        return function(*arguments, **named)

    return guarded


def _before_files() -> int:
    """Behind the finders of what is part of the interpreter, before those that look for files."""
    names = [getattr(finder, "__name__", "") for finder in sys.meta_path]
    return names.index("PathFinder") if "PathFinder" in names else len(names)


class _BuiltOnly:
    """Finds nothing, and says why, once calls run."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if _running:
            message = f"the module `{name}` is not part of the component: import it at the top of a module"
            raise ModuleNotFoundError(message, name=name)


class _Lines(io.TextIOBase):
    """A stream whose lines go to the log."""

    def __init__(self, log: Callable[[str, str], None], level: str) -> None:
        self._log = log
        self._level = level
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._log(self._level, line)
        return len(text)

    def flush(self) -> None:
        if self._rest:
            self._log(self._level, self._rest)
            self._rest = ""
