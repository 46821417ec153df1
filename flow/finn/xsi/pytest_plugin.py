"""pytest plugin for FINN's own tests: put Verilator under them, choose those that simulate RTL.

Given to pytest as `-p flow.finn.xsi.pytest_plugin`; it must load before FINN's conftest.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flow.finn.xsi import install

install()

_BEYOND_SAMPLE = "beyond the sample"
_RTL_MARKS = ("rtlsim", "deadlock", "bursty")
"""What the names of FINN's tests that simulate RTL have in them, the last two in the function's."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the size of the sample and the file of the results."""
    group = parser.getgroup("bnnflow")
    group.addoption("--rtl-sample", type=int, default=0, help="run N of each test, 0: all")
    group.addoption("--rtl-results", required=True, help="file that gets a JSON line for each test")


def pytest_configure(config: pytest.Config) -> None:
    """Record every test in the file of the results."""
    config.pluginmanager.register(_Recorder(config), "bnnflow-recorder")


def wanted(test_id: str) -> bool:
    """Tell whether a FINN test simulates RTL and needs no HLS."""
    return any(mark in test_id for mark in _RTL_MARKS) and "hls" not in test_id


class _Recorder:
    """Keeps the RTL tests, in an order that makes every prefix a sample; writes each verdict."""

    def __init__(self, config: pytest.Config) -> None:
        self._sample = int(config.getoption("--rtl-sample"))
        self._results = Path(str(config.getoption("--rtl-results")))
        self._executed: Counter[str] = Counter()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = sorted((item for item in items if wanted(item.nodeid)), key=lambda i: i.nodeid)
        random.Random(0).shuffle(chosen)  # noqa: S311 - a sample, no secret
        items[:] = chosen

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if self._sample and self._executed[_function(item.nodeid)] >= self._sample:
            pytest.skip(_BEYOND_SAMPLE)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        if report.when == "call" and not report.skipped:
            self._executed[_function(report.nodeid)] += 1
        line = {
            "test": report.nodeid,
            "function": _function(report.nodeid),
            "verdict": _verdict(report),
            "reason": _reason(report),
            "seconds": round(report.duration, 3),
        }
        with self._results.open("a", encoding="utf-8") as sink:
            sink.write(json.dumps(line) + "\n")


def _function(test_id: str) -> str:
    return test_id.split("::")[-1].split("[")[0]


def _verdict(report: pytest.TestReport) -> str:
    if report.skipped:
        return "not run" if _BEYOND_SAMPLE in _reason(report) else "skipped"
    return "passed" if report.passed else "failed"


def _reason(report: pytest.TestReport) -> str:
    """Return why a test was skipped, or the line of the exception that ended it."""
    if report.passed:
        return ""
    told: Any = report.longrepr
    if isinstance(told, tuple):
        return str(told[2]).removeprefix("Skipped: ")
    crash = getattr(told, "reprcrash", None)
    text = crash.message if crash is not None else str(told)
    return next((line for line in text.splitlines() if line.strip()), "")[:300]
