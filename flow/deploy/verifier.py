"""`flow verify --driver`: the package alone, run as a stranger would, on the simulated board."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driver.manifest import MANIFEST_NAME
from flow.check.axi.build import PROGRAM, build_simulator, collect_simulator
from flow.deploy.manifest import SIMULATOR_DIR
from flow.deploy.pynq_environment import PYNQ_VERSION, check_pynq, pynq_python
from flow.engine.artifact import Artifact
from flow.engine.verify import Verifier, VerifyOptions, VerifyResult
from flow.errors import ToolError, UserError
from flow.hardware.design import Design

if TYPE_CHECKING:
    from flow.engine.state import Build

_CHECK_FAILED = 3


class DriverVerifier(Verifier):
    """Unzip the package, run `infer.py --check` on the sim backend with the real pynq."""

    id = "driver"

    def run(self, build: Build, options: VerifyOptions) -> VerifyResult:
        archive = find_archive(build)
        command = pynq_python()
        with tempfile.TemporaryDirectory(prefix="flow_driver_") as name:
            check_pynq(command, Path(name) / "pynq.log")
            package = Path(name) / "package"
            unzip(archive, package)
            manifest = json.loads((package / MANIFEST_NAME).read_text(encoding="utf-8"))
            if manifest["simulator"] is None:
                add_simulator(build, package, Path(name) / "simulator")
            argv = [*command, "driver/infer.py", "--backend", "sim", "--check", "--json"]
            if options.images is not None:
                argv += ["--images", str(options.images)]
            # A run of the whole package, in its folder alone.
            said = _run(argv, package, build.config.rtlsim.timeout_s, build.dir / "driver.log")
        check = said.get("check", {})
        ok = said["exit_status"] == 0
        report = {"verify": {"driver": {"images": check.get("images", 0), "bit_exact": ok}}}
        if not ok:
            return VerifyResult(f"driver: {said['error']}", ok=False, report=report)
        line = (
            f"driver: {check['images']} images ({check['source']}) bit for bit equal to "
            f"golden, the package alone on the sim backend, pynq {PYNQ_VERSION}"
        )
        return VerifyResult(line, ok=True, report=report)


def find_archive(build: Build) -> Path:
    """Return the zip beside the deploy folder; raises UserError if it has not been built."""
    deploy = build.artifact(Artifact.DEPLOY)
    archives = sorted(deploy.parent.glob("*.zip"))
    if len(archives) != 1:
        raise UserError(
            f"driver: {deploy.parent} has {len(archives)} zip files; run flow build --from package"
        )
    return archives[0]


def unzip(archive: Path, folder: Path) -> None:
    """Unpack a package with its permissions, as the program unzip does."""
    with zipfile.ZipFile(archive) as source:
        for info in source.infolist():
            path = Path(source.extract(info, folder))
            path.chmod(info.external_attr >> 16)


def add_simulator(build: Build, package: Path, work: Path) -> None:
    """Compile the simulator for a package that carries none, and put it in."""
    design = Design.load(build.artifact(Artifact.DESIGN))
    rtl = build.artifact(Artifact.RTL)
    program = build_simulator(design, rtl, work, timeout_s=build.config.rtlsim.timeout_s)
    collect_simulator(design, rtl, program, package / SIMULATOR_DIR)
    shutil.rmtree(work)
    path = package / MANIFEST_NAME
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["simulator"] = f"{SIMULATOR_DIR}/{PROGRAM}"
    path.write_text(json.dumps(manifest), encoding="utf-8")


def _run(argv: list[str], package: Path, timeout_s: float, log: Path) -> dict[str, Any]:
    """Return what infer.py says as JSON, also of a check that failed; ToolError for the rest."""
    try:
        done = subprocess.run(
            argv, cwd=package, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ToolError("driver", argv, log, f"not done after {timeout_s:g} s") from error
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    lines = done.stdout.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        errors = done.stderr.strip().splitlines()
        told = errors[-1] if errors else "it printed nothing"
        raise ToolError("driver", argv, log, f"exit status {done.returncode}: {told}")
    said: dict[str, Any] = json.loads(lines[-1])
    if said["exit_status"] not in (0, _CHECK_FAILED):
        raise ToolError("driver", argv, log, said["error"])
    return said
