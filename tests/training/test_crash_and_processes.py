"""What other processes can do to a training: kill it, start it twice, share it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra 'train' (torch, brevitas) is not installed")
pytest.importorskip("brevitas", reason="the extra 'train' (torch, brevitas) is not installed")

from flow.engine.state import locked
from flow.errors import UserError
from flow.training.batches import Samples, training_batches
from flow.training.checkpoint import LAST, load_checkpoint
from flow.training.loop import train
from flow.training.recipe import Recipe

ROOT = Path(__file__).resolve().parents[2]
RECIPE = {
    "model": {"name": "tfc", "channels": [16, 16, 16], "image_side": 8},
    "epochs": 6,
    "batch_images": 40,
    "validation_images": 40,
    "seed": 3,
}
SCRIPT = """
import sys, time, torch
from pathlib import Path
torch.set_num_threads(1)
from flow.training.loop import train
from flow.training.recipe import Recipe
recipe = Recipe.model_validate_json(sys.argv[1])
def step(done, steps):
    time.sleep(float(sys.argv[4]))
    print(done, flush=True)
result = train(recipe, Path(sys.argv[2]), Path(sys.argv[3]), on_step=step)
"""


@pytest.fixture(scope="module")
def data_dir(
    tmp_path_factory: pytest.TempPathFactory, write_photographs: Callable[[Path, int, int], Path]
) -> Path:
    return write_photographs(tmp_path_factory.mktemp("data"), 160, 20)


def arguments(data: Path, run: Path, pause_s: float) -> list[str]:
    recipe = Recipe.model_validate(RECIPE).model_dump_json()
    return [recipe, str(data), str(run), str(pause_s)]


def test_training_killed_at_once_resumes_to_identical_weights(
    data_dir: Path, tmp_path: Path
) -> None:
    recipe = Recipe.model_validate(RECIPE)
    train(recipe, data_dir, tmp_path / "straight")
    command = [sys.executable, "-c", SCRIPT, *arguments(data_dir, tmp_path / "killed", 0.05)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "8":  # in the middle of epoch 3, which has steps 7 to 9
            os.kill(process.pid, signal.SIGKILL)
            break
    assert process.wait(60) == -signal.SIGKILL
    assert load_checkpoint(tmp_path / "killed" / LAST).epoch == 2, "one epoch is lost at most"
    train(recipe, data_dir, tmp_path / "killed")
    straight, resumed = (load_checkpoint(tmp_path / name / LAST) for name in ("straight", "killed"))
    assert straight.epoch == resumed.epoch == 6
    for name, tensor in straight.weights.items():
        assert torch.equal(tensor, resumed.weights[name]), name


def test_second_training_in_the_same_folder_is_refused(data_dir: Path, tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(UserError, match=r"another training is at work in .*--run-dir"),
    ):
        train(Recipe.model_validate(RECIPE), data_dir, tmp_path)


def test_two_processes_share_each_batch_between_them() -> None:
    images = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(40, 3, 8, 8)
    data = Samples(images.clone(), torch.arange(40))
    recipe = Recipe.model_validate(RECIPE | {"batch_images": 10})
    whole = [labels.tolist() for _, labels in training_batches(data, recipe, 1)]
    parts = [
        [labels.tolist() for _, labels in training_batches(data, recipe, 1, rank=k, processes=2)]
        for k in (0, 1)
    ]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert sorted(first + second) == sorted(batch)
        assert len(first) == len(second) == 5


@pytest.mark.slow  # three imports of PyTorch and Brevitas
def test_torchrun_with_two_processes_trains_one_network(data_dir: Path, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(script), *arguments(data_dir, tmp_path / "run", 0.0)]
    start = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    progress = load_checkpoint(tmp_path / "run" / LAST)
    assert progress.epoch == 6, time.monotonic() - start
    lines = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(lines) == 7, "only the first process writes the log"


HEADS_SCRIPT = """
import sys, torch
from flow.training.processes import joined
from flow.training.recipe import Recipe
from flow.training.session import Session
torch.set_num_threads(1)
with joined("cpu") as (processes, place):
    recipe = Recipe.model_validate_json(sys.argv[1])
    session = Session(recipe, torch.device(place), processes=processes)
    session.begin_epoch(1)
    generator = torch.Generator().manual_seed(processes.rank)
    for step in range(3):
        pixels = torch.rand(8, 3, 8, 8, generator=generator)
        session.step(pixels, torch.randint(0, 10, (8,), generator=generator), step, 3)
    heads = session.runtimes["auxiliary-heads"].state_dict()
    print("heads", heads["2.weight"].double().abs().sum().item(), flush=True)
"""


@pytest.mark.slow  # three imports of PyTorch and Brevitas
def test_heads_of_two_processes_stay_the_same(tmp_path: Path) -> None:
    script = tmp_path / "heads.py"
    script.write_text(HEADS_SCRIPT)
    recipe = Recipe.model_validate(RECIPE | {"methods": {"auxiliary-heads": {}}})
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(script), recipe.model_dump_json()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    sums = [line for line in done.stdout.splitlines() if line.startswith("heads")]
    assert len(sums) == 2
    assert sums[0] == sums[1]


def test_batches_that_cannot_be_shared_are_refused(data_dir: Path, tmp_path: Path) -> None:
    from flow.training import loop
    from flow.training.processes import Processes

    recipe = Recipe.model_validate(RECIPE)
    with pytest.raises(UserError, match=r"3 processes cannot share batches of 40 evenly"):
        loop._train(recipe, data_dir, tmp_path, "cpu", Processes(0, 3), False, loop.Watcher())
