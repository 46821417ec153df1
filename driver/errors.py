"""What can go wrong, with the exit status that belongs to it."""

from __future__ import annotations


class DriverError(Exception):
    """The accelerator or a tool failed."""

    exit_code = 1


class InputError(DriverError):
    """Something the user gave, or the place the driver runs in, is at fault."""

    exit_code = 2


class CheckFailed(DriverError):
    """Something is not what the manifest says, or not equal to golden."""

    exit_code = 3


class DmaError(DriverError):
    """The DMA reported an error or ended a transfer early."""


class DmaTimeout(DriverError):
    """A transfer did not end in time."""
