"""What FINN's reading of a file can stop at, by the step; findings of its opinion."""

from __future__ import annotations

from flow.errors import UserError


class TidyError(UserError):
    """A quantiser that FINN reads as something else."""

    where = "tidy"


class StreamlineError(UserError):
    """An input or a padding that FINN's streamlining has no form for."""

    where = "streamline"


class MapError(UserError):
    """A node that no hardware layer of FINN stands for."""

    where = "map_layers"
