"""`flow verify`: repeat checks on a built design."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from flow.commands.output import print_json
from flow.commands.selection import BuildRequest, select_build
from flow.engine.log import log_file
from flow.engine.planner import plan
from flow.engine.report import Report, new_report, read_report, write_report
from flow.engine.state import Build, locked
from flow.engine.verify import ONLY_NAMED, VERIFIERS, VerifyOptions, check_untouched, load_verifier
from flow.errors import CheckFailed, UserError
from flow.paths import shown


def verify(
    request: BuildRequest,
    checks: Sequence[str],
    options: VerifyOptions,
    *,
    as_json: bool,
    quiet: bool = False,
) -> None:
    """Run the named checks (none named: all but the long ones) and print a line for each.

    Raises CheckFailed after all have run if one found a difference.
    """
    selected = select_build(request)
    if not selected.dir.is_dir():
        raise UserError(
            f"{shown(selected.dir)}: nothing has been built here; run: flow build {selected.asked}"
        )
    default = [check for check in VERIFIERS if check not in ONLY_NAMED]
    verifiers = [load_verifier(check) for check in checks or default]
    if not verifiers:
        raise UserError("verify: this version has no check that can be repeated")
    with locked(selected.dir), log_file(selected.log_path):
        if options.hash_check:
            check_untouched(selected)
        _note_if_stale(selected)
        results = [verifier.run(selected, options) for verifier in verifiers]
        report = _report_so_far(selected)
        for verifier, result in zip(verifiers, results, strict=True):
            report = report.with_part(result.report, f"verify --{verifier.id}")
        write_report(selected, report)
    if as_json:
        print_json(report.to_json())
    elif not quiet:
        for result in results:
            typer.echo(result.line)
    failed = [result.line for result in results if not result.ok]
    if failed:
        raise CheckFailed("; ".join(failed))


def _note_if_stale(build: Build) -> None:
    """Say so if `flow build` would make another design now; this one is checked as it was built."""
    built = [k for k, stage in enumerate(build.pipeline.stages) if build.record(stage.id)]
    for line in plan(build, 0, max(built, default=0)):
        if line.action == "run":
            typer.echo(
                f"note: checking the design as built; flow build would make another one "
                f"({line.id}: {line.reason})",
                err=True,
            )
            return


def _report_so_far(build: Build) -> Report:
    return read_report(build.report_path) if build.report_path.is_file() else new_report(build)
