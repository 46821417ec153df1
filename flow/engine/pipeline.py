"""The list of stages, in order: a new stage is one file in flow/stages and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

from flow.engine.artifact import Artifact
from flow.engine.metrics import ungated
from flow.engine.stage import Stage, StageContractError
from flow.errors import UserError
from flow.validation import did_you_mean

STAGES: tuple[tuple[int, str], ...] = (
    # The number names the stage's directory; gaps leave room, so that results keep their place.
    (5, "load_model"),
    (10, "export_qonnx"),
    (20, "golden"),
    (22, "witness"),
    (25, "network"),
    (30, "finn"),
    (45, "fold"),
    (55, "size_fifos"),
    (57, "estimate"),
    (60, "generate_rtl"),
    (65, "lint_rtl"),
    (70, "cppsim"),
    (75, "rtlsim"),
    (80, "synthesize"),
    (81, "netlist_sim"),
    (82, "netlist"),
    (85, "bitstream"),
    (90, "package"),
)

HLS_STAGES: tuple[tuple[int, str], ...] = (
    *(entry for entry in STAGES if entry[0] <= 50 or entry[1] == "cppsim"),
    (87, "finn_build"),
)
"""With `impl = "hls"`: ours up to the folded graph, cppsim (FINN's too), then FINN's builder."""


@dataclass(frozen=True)
class Pipeline:
    """Stages in the order they run, each with the number of its directory."""

    entries: tuple[tuple[int, Stage], ...]

    def __post_init__(self) -> None:
        """Refuse a list in which a stage could not get its inputs."""
        made: dict[Artifact, str] = {}
        seen: set[str] = set()
        last = -1
        for number, stage in self.entries:
            if stage.id in seen or number <= last:
                raise StageContractError(f"{stage.id}: listed twice, or its number is not rising")
            verdict = ungated(stage.metrics)
            if verdict is not None:
                raise StageContractError(
                    f"{stage.id}: measures {verdict}, and no gate stands on it in "
                    f"{stage.metrics.__name__}; write Annotated[bool, IS_TRUE]"
                )
            for artifact in (*stage.requires, *stage.optional):
                if artifact not in made:
                    raise StageContractError(
                        f"{stage.id}: needs {artifact.name}, which no earlier stage produces"
                    )
            for artifact in stage.produces:
                if artifact in made:
                    raise StageContractError(
                        f"{stage.id}: {artifact.name} is already produced by {made[artifact]}"
                    )
                made[artifact] = stage.id
            seen.add(stage.id)
            last = number

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in order."""
        return tuple(stage for _, stage in self.entries)

    @property
    def ids(self) -> tuple[str, ...]:
        """The stages' names in order."""
        return tuple(stage.id for stage in self.stages)

    def dirname(self, stage_id: str) -> str:
        """Return the name of a stage's directory, for instance "30-tidy"."""
        number = next(number for number, stage in self.entries if stage.id == stage_id)
        return f"{number:02d}-{stage_id}"

    def producer(self, artifact: Artifact) -> str:
        """Return the id of the stage that makes `artifact`."""
        return next(stage.id for stage in self.stages if artifact in stage.produces)

    def index(self, stage_id: str, option: str) -> int:
        """Return a stage's position; `option` is named in the UserError for an unknown id.

        The name of what a stage makes stands for it: "bitstream" also where FINN makes it.
        """
        if stage_id not in self.ids:
            for position, stage in enumerate(self.stages):
                if any(artifact.filename == stage_id for artifact in stage.produces):
                    return position
            raise UserError(f"{option}: there is no stage {did_you_mean(stage_id, self.ids)}")
        return self.ids.index(stage_id)


def load_stage(stage_id: str) -> Stage:
    """Import `flow/stages/<stage_id>.py` and return its stage."""
    module = importlib.import_module(f"flow.stages.{stage_id}")
    for value in vars(module).values():
        is_stage = isinstance(value, type) and issubclass(value, Stage)
        if is_stage and getattr(value, "id", None) == stage_id:
            stage: Stage = value()
            return stage
    raise StageContractError(f'flow/stages/{stage_id}.py: has no Stage with id = "{stage_id}"')


def load_pipeline(stages: Sequence[tuple[int, str]] = STAGES) -> Pipeline:
    """Import the listed stages (which import their heavy libraries only when they run)."""
    return Pipeline(tuple((number, load_stage(stage_id)) for number, stage_id in stages))
