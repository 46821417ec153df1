"""Boards are data: `board/<id>/board.toml`, checked against the models below."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from driver.clocks import pl_clock
from flow.config import read_toml
from flow.errors import UserError
from flow.paths import boards_dir, shown
from flow.validation import explain_validation_error


class BoardSection(BaseModel):
    """Base of every section of a board file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Resource(BoardSection):
    """One kind of resource on the device."""

    count: int = Field(ge=0, description="How many the device has.")
    source: str = Field(min_length=5, description="Document and table the count was read from.")


class Resources(BoardSection):
    """[resources]: what the device has."""

    lut: Resource = Field(description="6-input look-up tables.")
    ff: Resource = Field(description="Flip-flops.")
    bram36: Resource = Field(description="36 Kbit block RAMs.")
    uram: Resource = Field(description="288 Kbit UltraRAMs.")
    dsp: Resource = Field(description="DSP slices.")


class MaxUtilisation(BoardSection):
    """[max_utilisation]: the share folding plans with; the rest is for the shell and routing."""

    lut: float = Field(default=0.70, gt=0, le=1, description="Share of LUTs.")
    ff: float = Field(default=0.70, gt=0, le=1, description="Share of flip-flops.")
    bram36: float = Field(default=0.85, gt=0, le=1, description="Share of block RAMs.")
    uram: float = Field(default=0.90, gt=0, le=1, description="Share of UltraRAMs.")
    dsp: float = Field(default=0.90, gt=0, le=1, description="Share of DSP slices.")


class ResourceCounts(BoardSection):
    """Plain numbers of every resource: a budget, an estimate or a utilisation."""

    lut: int
    ff: int
    bram36: int
    uram: int
    dsp: int

    def exceeded_by(self, used: ResourceCounts) -> list[str]:
        """Return "lut 300,000 of 230,400" for each resource of which `used` takes more."""
        return [
            f"{name} {getattr(used, name):,} of {limit:,}"
            for name, limit in self
            if getattr(used, name) > limit
        ]


class PsClock(BoardSection):
    """[ps.clock]: what the PS divides the accelerator's clock from."""

    ref_mhz: PositiveFloat = Field(description="Reference clock of the PS on this board.")
    pll_factor: PositiveFloat = Field(
        description="What the IO PLL, set up by the boot image, multiplies the reference with."
    )
    source: str = Field(min_length=5, description="Document or file both were read from.")

    @property
    def pll_mhz(self) -> float:
        """The PLL's frequency."""
        return self.ref_mhz * self.pll_factor


class ProcessingSystem(BoardSection):
    """[ps]: the Arm side of the device, for the block design."""

    cell: Literal["zynq_ultra_ps_e", "processing_system7"] = Field(
        description="Vivado's name of the processing system IP."
    )
    memory_port: str = Field(description="PS port through which the DMA reaches DDR.")
    control_port: str = Field(description="PS port that drives the AXI-Lite registers.")
    clock: PsClock = Field(description="What the accelerator's clock is divided from.")


class Login(BoardSection):
    """[login]: how one gets to the board's shell, and to a Python that has pynq."""

    kind: Literal["pynq_image", "kria_ubuntu", "own_linux"] = Field(
        description="PYNQ's SD image, Ubuntu with Kria-PYNQ, or a Linux of one's own."
    )
    image: str = Field(description="What the SD card gets, and where it is.")
    user: str = Field(description="Whom one logs in as.")
    password: str = Field(description="The first password, or whose it is.")
    address: str = Field(description="Name or address in the network.")
    reached_by: str = Field(description="What connects the board with one's computer.")
    jupyter: str | None = Field(default=None, description="Jupyter in the browser, where it runs.")
    environment: tuple[str, ...] = Field(
        description="Scripts that root's shell has to source before python3 is the one with pynq."
    )
    source: str = Field(min_length=5, description="Document or file this was read from.")


class Board(BoardSection):
    """One board: device, clock, resources, connection to the processor."""

    id: str = Field(description="Name of the board's folder; not written in the file.")
    name: str = Field(description="Name as its maker writes it.")
    aliases: tuple[str, ...] = Field(default=(), description="Other names users type.")
    part: str = Field(description="Vivado part name.")
    vivado_edition: Literal["free", "paid"] = Field(
        description="Whether Vivado's free edition (ML Standard) has the part."
    )
    yosys_family: Literal["xc7", "xcu", "xcup"] = Field(description="synth_xilinx -family.")
    default_clock_mhz: PositiveFloat = Field(description="Accelerator clock if none is asked for.")
    default_config: str | None = Field(
        default=None, description="Name of the file in build_configs/ built when none is named."
    )
    dma_width_bits: PositiveInt = Field(description="Width of the DMA's streams and memory port.")
    ps: ProcessingSystem = Field(description="The Arm side of the device.")
    login: Login = Field(description="How one gets to a shell on the board.")
    resources: Resources = Field(description="What the device has.")
    max_utilisation: MaxUtilisation = Field(
        default=MaxUtilisation(), description="The share folding may plan with."
    )

    def clock_mhz(self, asked_mhz: float | None = None) -> float:
        """Return the accelerator's clock: what the PS makes that is not above `asked_mhz`.

        Vivado closes it, the manifest says it, the driver sets it. None asks for the board's
        default. Raises UserError for a clock below what the divisors reach.
        """
        asked = self.default_clock_mhz if asked_mhz is None else asked_mhz
        try:
            return pl_clock(self.ps.clock.pll_mhz, asked).mhz
        except ValueError as error:
            raise UserError(
                f"clock_mhz = {asked:g}: {error} on the {self.name}; ask for more, for instance "
                f"--set clock_mhz={self.default_clock_mhz:g}"
            ) from error

    @property
    def device(self) -> ResourceCounts:
        """Everything the device has."""
        return ResourceCounts(**{name: resource.count for name, resource in self.resources})

    @property
    def budget(self) -> ResourceCounts:
        """What folding may plan with: the device times max_utilisation, rounded down."""
        return ResourceCounts(
            **{
                name: int(resource.count * getattr(self.max_utilisation, name))
                for name, resource in self.resources
            }
        )


def load_board_file(path: Path) -> Board:
    """Read and check one board.toml.

    Raises UserError if the file is missing, not TOML, or has a wrong or unknown key.
    """
    values = read_toml(path)
    try:
        return Board.model_validate({**values, "id": path.parent.name})
    except ValidationError as error:
        raise UserError(explain_validation_error(error, Board, shown(path))) from error


def all_boards(directory: Path | None = None) -> list[Board]:
    """Return every board found in `directory` (default: board/), by id."""
    folder = directory or boards_dir()
    return [load_board_file(path) for path in sorted(folder.glob("*/board.toml"))]


def find_board(name: str, directory: Path | None = None) -> Board:
    """Return the board called `name`; case and punctuation do not matter (PYNQ-Z2 = pynq_z2).

    Raises UserError with the nearest name if there is none.
    """
    boards = all_boards(directory)
    by_key = {
        _key(known): board for board in boards for known in (board.id, board.name, *board.aliases)
    }
    if _key(name) in by_key:
        return by_key[_key(name)]
    near = difflib.get_close_matches(_key(name), by_key, n=1)
    hint = f"did you mean {by_key[near[0]].name}? Known boards: " if near else "known boards: "
    names = ", ".join(board.name for board in boards) or "none"
    where = shown(directory or boards_dir())
    raise UserError(
        f'--board: there is no board "{name}"; {hint}{names} (each is a file '
        f"{where}/<id>/board.toml)"
    )


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
