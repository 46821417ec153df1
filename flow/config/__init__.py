"""A build's settings: one TOML file, checked against the models below.

`build_configs/schema.json` is generated from these models (`flow schema config`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveFloat,
    ValidationError,
    model_validator,
)

from flow.config.sections import (
    CppsimConfig,
    FifoConfig,
    FoldConfig,
    ModelConfig,
    NetlistSimConfig,
    PackageConfig,
    RtlsimConfig,
    Section,
    SpecializeConfig,
    SynthesizeConfig,
    VerifyConfig,
    VivadoConfig,
)
from flow.errors import UserError
from flow.overrides import with_value
from flow.paths import configs_dir, repository_root, shown
from flow.validation import did_you_mean, explain_validation_error

ConfigName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]


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
    impl: Literal["rtl", "hls"] = Field(
        default="rtl",
        description="Who implements the layers: our RTL, or FINN's own HLS layers and shell.",
    )
    model: ModelConfig = Field(description="Where the network comes from.")
    verify: VerifyConfig = Field(default=VerifyConfig(), description="What the checks run on.")
    fold: FoldConfig = Field(default=FoldConfig(), description="How parallel the accelerator is.")
    specialize: SpecializeConfig = Field(
        default=SpecializeConfig(), description="The RTL of the layers."
    )
    synthesize: SynthesizeConfig = Field(
        default=SynthesizeConfig(), description="yosys over every kernel of the design."
    )
    netlist_sim: NetlistSimConfig = Field(
        default=NetlistSimConfig(), description="The mapped netlist beside the RTL."
    )
    fifo: FifoConfig = Field(default=FifoConfig(), description="The buffers between layers.")
    cppsim: CppsimConfig = Field(
        default=CppsimConfig(), description="The compiled bit model over a whole test set."
    )
    rtlsim: RtlsimConfig = Field(
        default=RtlsimConfig(), description="The simulation of the whole accelerator."
    )
    package: PackageConfig = Field(
        default=PackageConfig(), description="What the deploy package carries."
    )
    vivado: VivadoConfig = Field(default=VivadoConfig(), description="Synthesis, place and route.")

    @model_validator(mode="after")
    def _simulates_what_golden_has(self) -> BuildConfig:
        if self.rtlsim_images > self.verify.images:
            raise ValueError(
                f"rtlsim.images = {self.rtlsim.images} is more than verify.images = "
                f"{self.verify.images}: golden has no more"
            )
        if self.netlist_sim.images > self.verify.images:
            raise ValueError(
                f"netlist_sim.images = {self.netlist_sim.images} is more than verify.images = "
                f"{self.verify.images}: golden has no more"
            )
        return self

    @property
    def rtlsim_images(self) -> int:
        """Number of images rtlsim runs."""
        return self.rtlsim.images or self.verify.images


def load_config(path: Path, overrides: Mapping[str, Any] | None = None) -> BuildConfig:
    """Read a configuration; `overrides` (dotted name -> value) come from the command line and win.

    Raises UserError if the file cannot be read, is not TOML, or has a wrong or unknown key.
    """
    return parse_config(read_toml(path), path, overrides)


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises UserError naming the file if it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{shown(path)}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{shown(path)}: not valid TOML: {error}") from error


def parse_config(
    values: Mapping[str, Any], origin: Path | None, overrides: Mapping[str, Any] | None = None
) -> BuildConfig:
    """Check settings read from `origin` (None: the command line only) and apply overrides.

    A model source is taken relative to the file, then to the repository root.
    """
    where = "command line" if origin is None else shown(origin)
    merged = dict(values)
    if origin is not None:
        merged.setdefault("name", origin.stem)
    for name, value in (overrides or {}).items():
        merged = with_value(merged, name.split("."), value, name)
    try:
        config = BuildConfig.model_validate(merged)
    except ValidationError as error:
        wrong = {".".join(str(part) for part in item["loc"]) for item in error.errors()}
        typed = sorted(wrong & set(overrides or {}))
        origin_text = f"{where} with {', '.join(typed)} set on the command line" if typed else where
        raise UserError(explain_validation_error(error, BuildConfig, origin_text)) from error
    source = _resolve(config.model.source, origin)
    return config.model_copy(update={"model": config.model.model_copy(update={"source": source})})


def find_config(name: str) -> Path:
    """Return the file meant by --config: a path, or the name of one in build_configs/.

    Raises UserError with the nearest name if there is none.
    """
    path = Path(name)
    if path.is_file():
        return path
    by_name = configs_dir() / f"{path.name.removesuffix('.toml')}.toml"
    if by_name.is_file() and path.parent == Path():
        return by_name
    known = [found.stem for found in sorted(configs_dir().glob("*.toml"))]
    raise UserError(
        f"--config: there is no file {did_you_mean(name, known)} (in {shown(configs_dir())})"
    )


def require_model(config: BuildConfig) -> Path:
    """Return the model file.

    Raises UserError if it does not exist.
    """
    source = config.model.source
    if not source.is_file():
        raise UserError(
            f"model: there is no file {shown(source)}; give an existing QONNX file with --model, "
            f"or as [model] source in the configuration of {config.name}"
        )
    return source


def _resolve(source: Path, origin: Path | None) -> Path:
    """Return an absolute path: beside the configuration if it exists there, else in the root."""
    if source.is_absolute():
        return source
    beside = (origin.parent if origin is not None else Path.cwd()) / source
    return (beside if beside.exists() else repository_root() / source).absolute()
