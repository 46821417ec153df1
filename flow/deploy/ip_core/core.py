"""What an IP core is: its name, its files."""

from __future__ import annotations

from typing import NamedTuple

VENDOR, LIBRARY = "bnnflow", "accelerators"


class IpCore(NamedTuple):
    """What an IP core is called, and its files by their path in its folder."""

    name: str
    version: str
    """Of the register block; the identity says which accelerator it is."""
    description: str
    sources: tuple[str, ...]
    """In the order of compilation."""
    memories: tuple[str, ...]
    waivers: str

    @property
    def vlnv(self) -> str:
        """Return vendor, library, name and version."""
        return f"{VENDOR}:{LIBRARY}:{self.name}:{self.version}"
