"""`flow waves`: a trace of one layer for GTKWave or Surfer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from flow.commands.output import print_json
from flow.commands.selection import BuildRequest, select_build
from flow.engine.artifact import Artifact
from flow.errors import UserError
from flow.paths import shown


@dataclass(frozen=True)
class WaveOptions:
    """Which frame, and which cycles of it."""

    cycle: int | None = None
    """Middle of the trace; None: the first difference, or the first output word."""
    span: int = 400
    """Cycles written."""
    image: int = 0
    """Index of the golden image."""
    output: Path | None = None
    """Folder for trace and simulation; None: waves/ in the build."""


def waves(request: BuildRequest, layer: str, options: WaveOptions, *, as_json: bool) -> None:
    """Simulate one layer of a build on one golden image and write some cycles as a trace.

    Raises UserError for an unknown layer or image, or if the design has not been built.
    """
    from flow.check.waves import cut_out, frame_words, missing_headers, write_wave
    from flow.frontend.golden.vectors import GoldenVectors
    from flow.hardware.design import Design
    from flow.network import load_network

    build = select_build(request)
    design = Design.load(build.artifact(Artifact.DESIGN))
    cut = cut_out(design, layer)
    images = GoldenVectors.load(build.artifact(Artifact.GOLDEN_VECTORS)).images
    if not 0 <= options.image < len(images):
        raise UserError(f"--image: {options.image}; the build has images 0 to {len(images) - 1}")
    network = load_network(build.artifact(Artifact.NETWORK))
    wave = write_wave(
        design,
        build.artifact(Artifact.RTL),
        cut,
        frame_words(network, cut, images[options.image]),
        options.output or build.dir / "waves",
        cycle=options.cycle,
        span=options.span,
        timeout_s=build.config.rtlsim.timeout_s,
    )
    if as_json:
        print_json(
            {
                "trace": str(wave.path),
                "around": wave.around,
                "reason": wave.reason,
                "cycles": [wave.first_cycle, wave.last_cycle],
                "first_difference": wave.first_difference,
                "nodes": list(wave.nodes),
            }
        )
        return
    verdict = "equal to golden" if wave.first_difference is None else "DIFFERS from golden"
    typer.echo(
        f"{layer} on image {options.image}: {verdict}; cycles {wave.first_cycle} to "
        f"{wave.last_cycle} around {wave.around} ({wave.reason}), simulated: "
        f"{', '.join(wave.nodes)}"
    )
    missing = missing_headers()
    if missing is not None:
        typer.echo(f"VCD instead of FST ({missing}); for FST: apt install liblz4-dev zlib1g-dev")
    typer.echo(f"open it with: gtkwave {shown(wave.path)}    or    surfer {shown(wave.path)}")
