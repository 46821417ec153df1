"""What a user does with a new board: every command of the package's README, and the doctor."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from driver_packages import Packaged, run_script
from loadable_package import Weights
from PIL import Image

from driver.doctor import STEPS
from driver.surroundings import PowerMeter, surroundings
from flow.board import find_board
from flow.stages.package import readme_text, write_checksums, write_zip
from flow.stages.package import run_script as run_script_text

STEP_NAMES = [step.name for step in STEPS]
DEFINITIONS = r"""
set -e
shopt -s expand_aliases
scp() { cp "$1" "$BOARD_HOME/"; }
ssh() { cd "$BOARD_HOME"; }
# As sudo does it: nothing of the caller's environment is left.
sudo() { env -i HOME=/root PATH="$ROOT_PATH" "$@"; }
unzip() { python3 -m zipfile -e "$1" "$3"; }
git() { mkdir Kria-PYNQ; cp "$INSTALLER" Kria-PYNQ/install.sh; }
"""


def commands(readme: str) -> list[str]:
    """Return the lines of the README's code blocks, in order."""
    return [line.strip() for line in readme.splitlines() if re.match(r"    +\S", line)]


class Host:
    """A computer with the package's zip, and a board whose pynq is the real one on a simulation."""

    def __init__(self, folder: Path, source: Path, pynq: tuple[str, ...], board: str) -> None:
        self.folder, self.board = folder, find_board(board)
        self.profile = folder / "etc"
        self.home = folder / "board_home"
        package = folder / "package"
        for path in (self.profile, self.home):
            path.mkdir()
        shutil.copytree(source, package)
        login = self.board.login.model_dump(mode="json")
        login["environment"] = [
            script.replace("/etc/profile.d", str(self.profile)) for script in login["environment"]
        ]
        manifest = json.loads((package / "manifest.json").read_text())
        manifest.update(board=self.board.name, login=login, bitstream="accelerator.bit")
        manifest.setdefault("golden_images", {"count": 6, "source": "random pixels"})
        (package / "accelerator.bit").write_bytes(b"bits")
        (package / "manifest.json").write_text(json.dumps(manifest))
        self.name = manifest["name"]
        self.archive = folder / f"{self.name}.zip"
        self.readme = readme_text(manifest, self.archive.name)
        (package / "README.md").write_text(self.readme)
        (package / "run.sh").write_text(run_script_text(manifest))
        write_checksums(package)
        write_zip(package, self.archive)
        shutil.rmtree(package)
        image = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(image).save(folder / "photo.jpg")
        self.venv = folder / "venv"
        self.venv.mkdir()
        python = self.venv / "python3"
        python.write_text(
            "#!/bin/bash\n"
            # What uv, which makes this Python, needs of the real environment.
            + "".join(f"export {shlex.quote(f'{k}={v}')}\n" for k, v in os.environ.items())
            + f'exec {shlex.join(pynq)} "$@" --backend sim\n'
        )
        python.chmod(0o700)
        self.enter = f"export PATH={self.venv}:$PATH XILINX_XRT=/usr\n"
        installer = folder / "install.sh"
        installer.write_text(f"echo '{self.enter.strip()}' > {self.profile}/pynq_venv.sh\n")
        if self.board.login.kind == "pynq_image":
            (self.profile / "pynq_venv.sh").write_text(self.enter)
        root_path = "/usr/bin:/bin"
        if self.board.login.kind == "own_linux":
            root_path = f"{self.venv}:{root_path}"
        # The user's shell has no environment activated: uv would offer its packages too.
        shell = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        activated = str(Path(sys.prefix) / "bin")
        paths = [path for path in shell["PATH"].split(":") if path != activated]
        self.variables = {
            **shell,
            "PATH": ":".join(paths),
            "BOARD_HOME": str(self.home),
            "ROOT_PATH": root_path,
            "INSTALLER": str(installer),
        }

    def follow(self, lines: list[str]) -> subprocess.CompletedProcess[str]:
        """Run the README's commands, with the files that the user brings along."""
        done = []
        for line in lines:
            # What is done on the board before the package is there is done in its home.
            done.append(f"(cd $BOARD_HOME && {line})" if line.startswith("git clone") else line)
            if line.startswith("unzip"):
                done.append(f"cp {self.folder}/photo.jpg .")
                if (self.folder / "other.bin").exists():
                    done += [
                        f"cp {self.folder}/other.bin .",
                        f"mkdir other; cp {self.folder}/other.npz other/golden.npz",
                    ]
        return self.run(done)

    def run(self, lines: list[str]) -> subprocess.CompletedProcess[str]:
        script = "\n".join([DEFINITIONS, *lines])
        return subprocess.run(
            ["/bin/bash", "-c", script],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=600,
        )


@pytest.mark.parametrize(
    "board",
    [
        *("PYNQ-Z2", "KV260", "ZC706"),  # one of each log-in kind
        pytest.param("Ultra96-V2", marks=pytest.mark.slow),
    ],
)
def test_every_command_of_the_readme_works(
    board: str, packaged: Packaged, pynq: tuple[str, ...], tmp_path: Path
) -> None:
    host = Host(tmp_path, packaged.dir, pynq, board)
    lines = commands(host.readme)
    assert sum("run.sh" in line for line in lines) >= 4
    assert any("Kria-PYNQ" in line for line in lines) == (board == "KV260")
    done = host.follow(lines)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bit for bit equal to golden" in done.stdout
    assert "end to end:" in done.stdout and "photo.jpg: " in done.stdout
    assert re.search(r"^ok +golden image: 1 image", done.stdout, re.MULTILINE)
    assert (host.home / "tiny" / "result.png").is_file()


def test_every_command_about_other_weights_works(
    loadable: Path, pynq: tuple[str, ...], tmp_path: Path
) -> None:
    host = Host(tmp_path, loadable, pynq, "PYNQ-Z2")
    Weights(1).save(tmp_path, "other")
    lines = commands(host.readme)
    assert sum("--weights other.bin" in line for line in lines) == 2
    done = host.follow(lines)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(f"sha256 {Weights(1).sha256[:12]}, loaded") == 2
    assert "bit for bit equal to other/golden.npz" in done.stdout


def test_on_the_kv260_plain_sudo_has_no_pynq(
    packaged: Packaged, pynq: tuple[str, ...], tmp_path: Path
) -> None:
    """What the README said before: it led round in a circle."""
    host = Host(tmp_path, packaged.dir, pynq, "KV260")
    first = commands(host.readme)
    upto = [line for line in first if line.startswith(("scp", "ssh", "unzip"))]
    done = host.run([*upto, "sudo python3 driver/infer.py --backend sim --check"])
    assert done.returncode != 0
    before_kria_pynq = host.run(["ssh x", "cd tiny", "sudo bash run.sh --backend sim --check"])
    assert before_kria_pynq.returncode == 2 or "numpy" in before_kria_pynq.stderr


@pytest.fixture(scope="module")
def examined(packaged: Packaged, pynq: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory):
    return run_script(
        pynq, "doctor_script.py", packaged.dir, str(tmp_path_factory.mktemp("doctor"))
    )


def test_a_sound_board_passes_every_step(examined: dict) -> None:
    assert examined["sound"]["status"] == 0
    said = json.loads(examined["sound"]["said"])
    assert [step["step"] for step in said["doctor"]["steps"]] == STEP_NAMES
    assert {step["status"] for step in said["doctor"]["steps"]} == {"ok"}
    assert said["doctor"]["surroundings"]["pynq"]
    assert said["doctor"]["built_with"]
    words = examined["sound in words"]["said"]
    assert words.count("\nok ") == len(STEP_NAMES)


@pytest.mark.parametrize(
    ("step", "status", "found"),
    [
        ("package", 3, "golden.npz: is damaged"),
        ("bitstream and clock", 1, "No Devices Found"),
        ("identity", 3, "wrong bitstream for this manifest"),
        ("clock that really runs", 3, "by the system's time, its registers say 187.5 MHz"),
        ("DMA transfer", 1, "sending images (MM2S): slave error"),
        ("golden image", 3, "not equal to the golden vectors"),
    ],
)
def test_each_fault_is_found_at_its_step_with_what_to_do(
    step: str, status: int, found: str, examined: dict
) -> None:
    assert examined[step]["status"] == status, examined[step]
    said = json.loads(examined[step]["said"])
    steps = {row["step"]: row for row in said["doctor"]["steps"]}
    assert found in steps[step]["found"] and steps[step]["next"]
    before = STEP_NAMES[: STEP_NAMES.index(step)]
    after = STEP_NAMES[STEP_NAMES.index(step) + 1 :]
    assert {steps[name]["status"] for name in before} <= {"ok"}
    assert {steps[name]["status"] for name in after} <= {"not reached"}
    assert f"--doctor: {step}: " in said["error"] and "; next: " in said["error"]


def test_every_step_has_its_fault(examined: dict) -> None:
    assert set(STEP_NAMES) <= set(examined)


def test_surroundings_are_read_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"ZynqMP ZCU104 RevC\0")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('NAME="PynqLinux"\nPRETTY_NAME="PynqLinux 3.0"\n')
    found = surroundings(tmp_path)
    assert (found["board_found"], found["image"]) == ("ZynqMP ZCU104 RevC", "PynqLinux 3.0")
    assert found["pynq_board"] is None


def test_power_is_what_the_sensors_say_and_empty_without_one(tmp_path: Path) -> None:
    chip = tmp_path / "hwmon0"
    chip.mkdir()
    (chip / "name").write_text("ina260_u14\n")
    (chip / "power1_input").write_text("3250000\n")
    (chip / "power2_input").mkdir()  # one that does not answer
    with PowerMeter(tmp_path) as meter:
        pass
    assert meter.watts() == {"ina260_u14/power1": 3.25}
    with PowerMeter(tmp_path / "none") as meter:
        pass
    assert meter.watts() == {}
