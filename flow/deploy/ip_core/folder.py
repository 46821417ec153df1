"""The folder of an IP core: RTL and memory images, and what describes them to other tools."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from flow.deploy.ip_core.core import IpCore
from flow.deploy.ip_core.ip_xact import component_xml
from flow.deploy.templates import template
from flow.hardware.design import Design
from flow.hardware.registers import register_map
from flow.hardware.sources import LINT_WAIVERS

IP_DIR = "ip"
COMPONENT = "component.xml"
_SOURCES = "src"


def write_ip_core(design: Design, rtl: Path, name: str, folder: Path) -> IpCore:
    """Write the IP core of `design`, whose files lie in `rtl`, into `folder`; return what it is.

    name: of the build; characters that a VLNV cannot have become underscores.
    """
    core = IpCore(
        name=re.sub(r"\W", "_", name, flags=re.ASCII),
        version=f"{register_map().constant('version')}.0",
        description=f"bnnflow accelerator {name}, identity {design.identity}",
        sources=tuple(f"{_SOURCES}/{each}" for each in [*design.sources, *design.shell.sources]),
        memories=tuple(f"{_SOURCES}/{each.file}" for each in design.memories if not each.loaded),
        waivers=f"lint/{LINT_WAIVERS.name}",
    )
    for path in [*core.sources, *core.memories]:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(rtl / target.name, target)
    (folder / "lint").mkdir()
    shutil.copyfile(LINT_WAIVERS, folder / core.waivers)
    (folder / COMPONENT).write_bytes(component_xml(design, core))
    fusesoc = template("fusesoc.core.j2").render(core=core, top=design.shell.top)
    (folder / f"{core.name}.core").write_text(fusesoc, encoding="utf-8")
    return core
