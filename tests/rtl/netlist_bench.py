"""Testbenches of kernels whose device under test is a mapped netlist, the RTL beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import (
    BUILD_TIMEOUT_S,
    RTL,
    SOURCES,
    TB_COMMON,
    TOP,
    WAIVERS,
    Bench,
    Case,
    bench_top,
    write_images,
)
from pyslang import ast, driver

from flow.check.netlist.emit import MODELS, emit
from flow.check.netlist.lockstep import read_header, stand_in
from flow.check.netlist.mapping import HdlModule, map_targets
from flow.tools import process
from flow.tools.verilator import Verilator, first_error

FAMILIES = ("xc7", "xcup")
DEVICES = ("u_dut", "u_lite")
"""Instances in testbenches that netlists stand in for."""
ULTRA = f"40'h{b'ultra'.hex()}"
MAP_TIMEOUT_S = 900.0

Netlist = dict[str, Any]
Change = Callable[[Netlist], None]
"""Plants a fault in a netlist; AssertionError where there is no place for it."""


@dataclass(frozen=True)
class Device:
    """A module under test as the testbench instantiates it: parameters by name, values as bits."""

    module: str
    parameters: tuple[tuple[str, str], ...]

    @property
    def target(self) -> HdlModule:
        return HdlModule(self.module, dict(self.parameters))

    def fits(self, family: str) -> bool:
        """Tell whether `family` has what the device asks for: the 7 series has no UltraRAM."""
        return family != "xc7" or ULTRA not in (value for _, value in self.parameters)


def build_netlists(
    instances: Sequence[tuple[str, Case]],
    directory: Path,
    *,
    families: Sequence[str] = FAMILIES,
    changes: Mapping[str, tuple[str, Change]] | None = None,
    sources: Sequence[Path] = SOURCES,
) -> Bench:
    """Build one program in which `+netlist=<k>` chooses: each of `families`, then each change.

    A change, by a name of its own, is made to the first family's netlists of one module.
    """
    directory.mkdir(parents=True)
    write_images(instances, directory)
    top = directory / f"{TOP}.sv"
    top.write_text(bench_top(instances), encoding="utf-8")
    kernels = list(dict.fromkeys(kernel for kernel, _ in instances))
    benches = [RTL / "tb" / f"bnn_{kernel}_tb.sv" for kernel in kernels]
    common = [RTL / "tb" / f"{name}.sv" for name in TB_COMMON]
    devices = find_devices([*sources, *common, *benches, top], TOP, directory)
    names = {device: f"k{index}_{device.module}" for index, device in enumerate(devices)}
    targets = {names[device]: device.target for device in devices}
    wanted = [
        {names[device]: device.target for device in devices if device.fits(family)}
        for family in families
    ]
    mapped = _mapped(families, wanted, sources, directory)
    # What a family does not have runs as the other's there.
    by_family = {f: {**mapped[-1], **one} for f, one in zip(families, mapped, strict=True)}
    written = []
    for index, family in enumerate(families):
        for name, netlist in by_family[family].items():
            written.append(_write(directory, emit(netlist, f"{name}_{index}"), f"{name}_{index}"))
    for number, (module, change) in enumerate((changes or {}).values(), start=len(families)):
        for name, netlist in by_family[families[0]].items():
            changed = deepcopy(netlist)
            if targets[name].module == module:
                change(changed)
            written.append(_write(directory, emit(changed, f"{name}_{number}"), f"{name}_{number}"))
    count = len(families) + len(changes or {})
    stand_ins = [
        _write(directory, text, f"{module}__netlist")
        for module, text in _stand_ins(devices, names, count, sources).items()
    ]
    modules = {device.module for device in devices}
    redirected = [_write(directory, _redirected(bench, modules), bench.stem) for bench in benches]
    plan = Verilator.locate().plan_build(
        [
            WAIVERS,
            *sources,
            *sorted(MODELS.glob("*.sv")),
            *written,
            *stand_ins,
            *common,
            *redirected,
            top,
        ],
        top=TOP,
        build_dir=directory / "obj_dir",
        cpp=[RTL / "tb" / "tb_main.cpp"],
        optimize="-O0",
        jobs=2,
    )
    log = directory / "build.log"
    process.execute(plan, log=log, timeout_s=BUILD_TIMEOUT_S, first_error=first_error)
    return Bench(
        Verilator.executable(TOP, directory / "obj_dir"),
        directory,
        sum(len(case.outs) for _, case in instances),
    )


def find_devices(files: Sequence[Path], top: str, directory: Path) -> list[Device]:
    """Elaborate `top` and return every distinct device under test."""
    found: dict[Device, None] = {}
    for symbol in instances_below(files, top):
        if symbol.name in DEVICES:
            values = [
                (p.name, _bits(p.value)) for p in symbol.body.parameters if not p.isLocalParam
            ]
            found[Device(symbol.definition.name, tuple(values))] = None
    assert found, f"{top}: no instance is called {' or '.join(DEVICES)}"
    return list(found)


def instances_below(files: Sequence[Path], top: str) -> Iterator[Any]:
    """Elaborate `top` and give slang's symbol of every instance below it."""
    slang = driver.Driver()
    slang.addStandardArgs()
    command = ["slang", "--top", top, *(str(file) for file in files)]
    assert slang.parseCommandLine(" ".join(command)) and slang.processOptions()
    assert slang.parseAllSources()
    found: list[Any] = []
    below = f"{top}."

    def visit(symbol: Any) -> ast.VisitAction:
        # Modules that nobody instantiates are there too, beside the top.
        if isinstance(symbol, ast.InstanceSymbol) and symbol.hierarchicalPath.startswith(below):
            found.append(symbol)
        return ast.VisitAction.Advance

    compilation = slang.createCompilation()  # the symbols live as long as it does
    compilation.getRoot().visit(visit)
    yield from found


def _bits(value: Any) -> str:
    number = value.value if hasattr(value, "value") else value
    width = number.bitWidth
    return f"{width}'h{int(number) & ((1 << width) - 1):x}"


def _mapped(
    families: Sequence[str],
    wanted: Sequence[Mapping[str, HdlModule]],
    sources: Sequence[Path],
    folder: Path,
) -> list[dict[str, Netlist]]:
    images = sorted(folder.glob("*.hex"))

    def one(family: str, targets: Mapping[str, HdlModule]) -> dict[str, Netlist]:
        place = folder / family
        place.mkdir()
        for image in images:
            (place / image.name).symlink_to(image)
        return map_targets(targets, sources, family, place, MAP_TIMEOUT_S)

    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(one, families, wanted))


def _stand_ins(
    devices: Sequence[Device], names: Mapping[Device, str], count: int, sources: Sequence[Path]
) -> dict[str, str]:
    by_name = {source.stem: source for source in sources}
    texts = {}
    for module in dict.fromkeys(device.module for device in devices):
        header = read_header(by_name[module])
        choices = {
            device.parameters: [f"{names[device]}_{k}" for k in range(count)]
            for device in devices
            if device.module == module
        }
        texts[module] = stand_in(header, f"{module}__netlist", choices)
    return texts


def _redirected(bench: Path, modules: set[str]) -> str:
    """Return the testbench with the netlists in place of its devices."""
    text = bench.read_text(encoding="utf-8")
    for module in modules:
        text = re.sub(
            rf"\b{module}(?=\s*(?:#\s*\((?:[^;](?!\)\s*u_\w+\s*\())*[^;]\)\s*)?"
            rf"(?:{'|'.join(DEVICES)})\s*\()",
            f"{module}__netlist",
            text,
        )
    assert "__netlist" in text, f"{bench.name}: none of {sorted(modules)} found"
    return text


def _write(directory: Path, text: str, name: str) -> Path:
    path = directory / f"{name}.sv"
    path.write_text(text, encoding="utf-8")
    return path
