"""The sections of a build's settings, as pydantic models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)


class Section(BaseModel):
    """Base of every section: immutable, and a key that is not declared is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(Section):
    """[model]: where the network comes from."""

    source: Path = Field(
        description="QONNX file; relative to the configuration file, or to the repository root."
    )
    input: Literal["auto", "pixels", "values"] = Field(
        default="auto",
        description="What the input is: pixels (uint8; in the file pixel / 255), or values that "
        "its first quantiser turns into codes; auto: images of 1 or 3 channels are pixels, "
        "everything else is values.",
    )
    mean: tuple[float, ...] = Field(
        default=(),
        description="What training took from pixel / 255 outside of the file, for each channel.",
    )
    std: tuple[float, ...] = Field(
        default=(), description="What training then divided by, for each channel; with mean."
    )

    @model_validator(mode="after")
    def _normalises_every_channel(self) -> ModelConfig:
        if len(self.mean) == len(self.std) and all(value > 0 for value in self.std):
            return self
        raise ValueError("mean and std need one number each for every channel, std positive")


class VerifyConfig(Section):
    """[verify]: what the checks run on."""

    images: int = Field(
        default=4,
        ge=2,
        description="Number of images every check compares bit for bit; one cannot show blindness.",
    )
    seed: int = Field(
        default=1,
        ge=0,
        description="Seed of every random choice (image selection, stalls, resets).",
    )


class LayerFolding(Section):
    """[fold.layers.NAME]: parallelism of one layer, instead of the search's choice."""

    pe: PositiveInt | None = Field(
        default=None, description="Output channels computed in parallel; divides MH."
    )
    simd: PositiveInt | None = Field(
        default=None, description="Input elements taken in parallel; divides MW."
    )
    pixels: PositiveInt | None = Field(
        default=None,
        description="Output pixels computed in parallel with one word of weights; divides the "
        "columns of the layer's map. 1 where pe and simd are given and pixels is not.",
    )
    style: Literal["distributed", "block", "ultra"] | None = Field(
        default=None,
        description="Where the weights lie: LUTs, block RAM, or UltraRAM, which is loadable.",
    )


class FoldConfig(Section):
    """[fold]: how parallel the accelerator is."""

    target_fps: PositiveFloat = Field(
        default=100.0, description="Frames per second the slowest layer has to reach."
    )
    objective: Literal["smallest", "fastest"] = Field(
        default="smallest",
        description="Smallest area that reaches target_fps, or the highest speed the board holds.",
    )
    layers: dict[str, LayerFolding] = Field(
        default_factory=dict,
        description="Parallelism and weight memory of single layers, by node name.",
    )


class SpecializeConfig(Section):
    """[specialize]: the RTL of the layers."""

    weights: Literal["auto", "initialised", "loadable"] = Field(
        default="auto",
        description="Weights come with the bitstream, or are sent in after reset and need no new "
        "bitstream when they change; auto: sent in only if some lie in UltraRAM.",
    )


class FifoConfig(Section):
    """[fifo]: the buffers between layers."""

    sizing: Literal["simulation", "fixed"] = Field(
        default="simulation",
        description="Take each depth from one simulation with deep FIFOs, or depth_words for all.",
    )
    depth_words: int = Field(
        default=32, ge=2, description="Depth of every FIFO that is not named below, if fixed."
    )
    layers: dict[str, Annotated[int, Field(ge=2)]] = Field(
        default_factory=dict, description="Depths of single FIFOs, by name (Fifo_MVAU_0)."
    )


class CppsimConfig(Section):
    """[cppsim]: the compiled bit model over a whole test set."""

    images: PositiveInt | None = Field(
        default=None,
        description="Test images to compare, the first ones; absent: all there are.",
    )
    threads: PositiveInt | None = Field(
        default=None, description="Threads; absent: one for each processor."
    )


class RtlsimConfig(Section):
    """[rtlsim]: the cycle-by-cycle simulation of the whole accelerator."""

    images: PositiveInt | None = Field(
        default=None,
        description="Images to simulate, the first ones; absent: as many as verify.images.",
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


class VivadoConfig(Section):
    """[vivado]: synthesis, place and route."""

    version: Annotated[str, Field(pattern=r"^\d{4}\.\d$")] | None = Field(
        default=None, description='Version to use ("2022.2"); absent: the first one found.'
    )

    @field_validator("version", mode="before")
    @classmethod
    def _also_unquoted(cls, value: Any) -> Any:
        """Take 2022.2 as it is written: TOML reads a number."""
        return str(value) if isinstance(value, float) else value

    jobs: PositiveInt = Field(default=4, description="Parallel runs and threads.")
    timeout_s: PositiveFloat = Field(
        default=6 * 3600.0, description="Time after which one run of Vivado is stopped as hung."
    )
    board_files: Path | None = Field(
        default=None, description="Folder with board files that the installation lacks."
    )
    waive: dict[str, Annotated[str, Field(min_length=5)]] = Field(
        default={},
        description='Critical warnings that do not stop the build: {"Synth 8-6859" = "why"}.',
    )


class PackageConfig(Section):
    """[package]: what the deploy package carries."""

    simulator: bool = Field(
        default=False,
        description="Put the compiled RTL in, so that the driver also runs without a board.",
    )


class SynthesizeConfig(Section):
    """[synthesize]: yosys over every kernel of the design."""

    jobs: PositiveInt = Field(default=2, description="Kernels mapped at the same time.")
    timeout_s: PositiveFloat = Field(
        default=3600.0, description="Time after which the mapping of one kernel is stopped."
    )


class NetlistSimConfig(Section):
    """[netlist_sim]: the mapped netlist of the whole accelerator beside its RTL."""

    images: int = Field(
        default=0,
        ge=0,
        description="Golden images to run; 0 leaves the stage out: mapping takes minutes, or more.",
    )
    timeout_s: PositiveFloat = Field(
        default=4 * 3600.0, description="Time after which mapping or simulation is stopped."
    )
