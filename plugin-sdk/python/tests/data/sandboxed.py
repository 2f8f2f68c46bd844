"""Run by test_sandbox.py: uses what a component has not."""

from pathlib import Path

from blockyard_sdk import sandbox

sandbox.prepare()

import datetime
import os
import random
import sys
import time
import uuid

time.time()
datetime.datetime.now()
Path(__file__).read_text()
sandbox.load()
lines = []
sandbox.begin_call("key", lambda level, line: lines.append((level, line)))


def uses() -> None:
    failed = []
    for use in (
        time.time,
        time.monotonic,
        time.gmtime,
        lambda: time.sleep(0),
        datetime.datetime.now,
        datetime.date.today,
        uuid.uuid4,
        lambda: open("x"),
        lambda: os.stat("x"),
        lambda: random.SystemRandom().random(),
    ):
        try:
            use()
        except sandbox.NotInSandbox:
            failed.append(use)
    try:
        import colorsys
    except ModuleNotFoundError as error:
        missing = str(error)
    assert len(failed) == 10, failed
    assert "import it at the top" in missing
    assert time.gmtime(0).tm_year == 1970
    assert datetime.datetime.strptime("2026-01-02", "%Y-%m-%d").day == 2
    assert "ü".encode("cp1252") == b"\xfc"
    first = random.random()
    print("one\ntwo")
    print("three", end="")
    print("four", file=sys.stderr)
    sandbox.end_call()
    assert lines == [("info", "one"), ("info", "two"), ("warn", "four"), ("info", "three")], lines
    sandbox.begin_call("key", lambda level, line: None)
    assert random.random() == first
    sandbox.begin_call("other", lambda level, line: None)
    assert random.random() != first


try:
    uses()
except BaseException as error:
    sys.__stderr__.write(f"{type(error).__name__}: {error}, line {error.__traceback__.tb_next.tb_lineno}")
else:
    sys.__stdout__.write("well")
sys.__stdout__.flush()
# Nothing of the interpreter's own shutdown runs in the sandbox.
os._exit(0)
