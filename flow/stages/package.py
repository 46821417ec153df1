"""The deploy folder: what goes to the board, with the proof that it is right."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

from flow.artifact import Artifact
from flow.golden import GoldenModel
from flow.graph.check import GoldenVectors
from flow.hw.design import Design
from flow.paths import repository_root
from flow.stage import Stage, StageContext, StageResult

MANIFEST_SCHEMA = 1


class Package(Stage):
    """Collect bitstream (where there is one), golden vectors, manifest and checksums."""

    id = "package"
    requires = (
        Artifact.DESIGN,
        Artifact.GOLDEN_MODEL,
        Artifact.GOLDEN_VECTORS,
        Artifact.RTLSIM_RESULT,
    )
    optional = (Artifact.BITSTREAM,)
    produces = (Artifact.DEPLOY,)
    config_fields = ("name", "clock_mhz")
    board_fields = ("name", "part", "default_clock_mhz")
    sources = ("driver/*.py",)

    def run(self, ctx: StageContext) -> StageResult:
        folder = ctx.output(Artifact.DEPLOY)
        design = Design.load(ctx.input(Artifact.DESIGN))
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        shutil.copyfile(ctx.input(Artifact.GOLDEN_MODEL), folder / "golden.onnx")
        shutil.copyfile(ctx.input(Artifact.GOLDEN_VECTORS), folder / "golden.npz")
        for path in sorted((repository_root() / "driver").glob("*.py")):
            (folder / "driver").mkdir(exist_ok=True)
            shutil.copyfile(path, folder / "driver" / path.name)
        bitstream = ctx.optional_input(Artifact.BITSTREAM)
        if bitstream is not None:
            for path in sorted(bitstream.iterdir()):
                shutil.copyfile(path, folder / path.name)
        manifest = _manifest(ctx, design, vectors, bitstream)
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        files = _checksums(folder)
        archive = ctx.dir / f"{ctx.config.name}_{ctx.board.id}.zip"
        _zip(folder, archive)
        return StageResult(
            metrics={"files": files, "bytes": archive.stat().st_size},
            summary=f"{files} files, {'with' if bitstream else 'without'} bitstream, "
            f"identity {design.identity[:12]}",
        )


def _manifest(
    ctx: StageContext, design: Design, vectors: GoldenVectors, bitstream: Path | None
) -> dict[str, object]:
    """Return what the driver needs to know about this accelerator."""
    source, sink = design.streams[0], design.streams[-1]
    rtlsim = json.loads(ctx.input(Artifact.RTLSIM_RESULT).read_text())
    golden = GoldenModel.load(ctx.input(Artifact.GOLDEN_MODEL))
    return {
        "schema": MANIFEST_SCHEMA,
        "name": ctx.config.name,
        "board": ctx.board.name,
        "part": ctx.board.part,
        "identity": design.identity,
        "clock_mhz": ctx.build.clock_mhz,
        "bitstream": None if bitstream is None else sorted(p.name for p in bitstream.iterdir()),
        "input": {"shape": design.input_shape, "lanes": source.lanes, "bits": source.elem_bits},
        "output": {
            "shape": design.output_shape,
            "lanes": sink.lanes,
            "bits": sink.elem_bits,
            "signed": sink.signed,
        },
        "classes": golden.classes,
        "golden_images": len(vectors.images),
        "cycles_per_frame": rtlsim["cycles_per_frame"],
    }


def _checksums(folder: Path) -> int:
    """Write SHA256SUMS over every file of `folder`; return how many there are."""
    lines = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest}  {path.relative_to(folder).as_posix()}")
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    return len(lines) + 1


def _zip(folder: Path, archive: Path) -> None:
    """Write `folder` as a reproducible zip: names sorted, one fixed time."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, path.read_bytes())
