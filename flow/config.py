"""A build's settings: one TOML file, checked against the models below.

`build_configs/schema.json` is generated from these models (`flow schema config`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

ConfigName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]


class Section(BaseModel):
    """Base of every section: immutable, and a key that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(Section):
    """[model]: where the network comes from."""

    source: Path = Field(
        description="QONNX file; relative to the configuration file, or to the repository root."
    )


class VerifyConfig(Section):
    """[verify]: what the checks run on."""

    images: PositiveInt = Field(
        default=4, description="Number of images every check compares bit for bit."
    )
    seed: int = Field(
        default=1,
        ge=0,
        description="Seed of every random choice (image selection, stalls, resets).",
    )
    dataset: str | None = Field(
        default=None,
        description="Name of the data set under --data to take images from; absent: random images.",
    )


class LayerFolding(Section):
    """[fold.layers.NAME]: parallelism of one layer, instead of the search's choice."""

    pe: PositiveInt | None = Field(
        default=None, description="Output channels computed in parallel; divides MH."
    )
    simd: PositiveInt | None = Field(
        default=None, description="Input elements taken in parallel; divides MW."
    )


class FoldConfig(Section):
    """[fold]: how parallel the accelerator is."""

    target_fps: PositiveFloat = Field(
        default=100.0, description="Frames per second the slowest layer has to reach."
    )
    layers: dict[str, LayerFolding] = Field(
        default_factory=dict, description="PE and SIMD of single layers, by node name."
    )


class FifoConfig(Section):
    """[fifo]: the buffers between layers."""

    sizing: Literal["simulation", "analytic"] = Field(
        default="simulation",
        description="How depths are found: measured in a simulation, or by a safe bound.",
    )
    depth_words: dict[str, PositiveInt] = Field(
        default_factory=dict,
        description="Depths of single FIFOs, by name, instead of the found ones.",
    )


class RtlsimConfig(Section):
    """[rtlsim]: the cycle-by-cycle simulation of the whole accelerator."""

    images: PositiveInt | None = Field(
        default=None, description="Images to simulate; absent: as many as verify.images."
    )
    stall_percent: float = Field(
        default=0.0,
        ge=0.0,
        lt=100.0,
        description="Share of cycles in which input and output pause at random.",
    )
    timeout_s: PositiveFloat = Field(
        default=7200.0, description="Time after which the simulation is stopped as hung."
    )


class BuildConfig(Section):
    """All settings of one build."""

    name: ConfigName = Field(
        description="Name of the build and of its folder under build/; default: the file's stem."
    )
    board: str | None = Field(
        default=None, description="Board to build for when --board is not given."
    )
    clock_mhz: PositiveFloat | None = Field(
        default=None, description="Accelerator clock; absent: the board's default."
    )
    model: ModelConfig = Field(description="Where the network comes from.")
    verify: VerifyConfig = Field(default=VerifyConfig(), description="What the checks run on.")
    fold: FoldConfig = Field(default=FoldConfig(), description="How parallel the accelerator is.")
    fifo: FifoConfig = Field(default=FifoConfig(), description="The buffers between layers.")
    rtlsim: RtlsimConfig = Field(
        default=RtlsimConfig(), description="The simulation of the whole accelerator."
    )

    @property
    def rtlsim_images(self) -> int:
        """Number of images rtlsim runs."""
        return self.rtlsim.images or self.verify.images
