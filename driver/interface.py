"""Addresses, bits and headers, written by `python -m flow.hardware.register_map`."""

from __future__ import annotations

MAGIC = 0x424E4E46
SHELL_VERSION = 2
ADDRESS_MAGIC = 0x000
ADDRESS_VERSION = 0x004
ADDRESS_CAPABILITIES = 0x008
ADDRESS_CONTROL = 0x00C
ADDRESS_STATUS = 0x010
ADDRESS_FRAMES_IN = 0x014
ADDRESS_FRAMES_OUT = 0x018
ADDRESS_IN_STALLS = 0x01C
ADDRESS_IN_STARVED = 0x020
ADDRESS_OUT_STALLS = 0x024
ADDRESS_CYCLE = 0x028
ADDRESS_FIRST_IN = 0x030
ADDRESS_FIRST_OUT = 0x038
ADDRESS_LAST_OUT = 0x040
ADDRESS_IDENTITY = 0x080
ADDRESS_WEIGHTS = 0x0C0
ADDRESS_LOAD_WORDS = 0x0E0
CAPABILITIES_LOADABLE = 1
CONTROL_RESET = 1
CONTROL_CLEAR = 2
CONTROL_LOAD = 4
STATUS_BUSY = 1
STATUS_PACKET_ERROR = 2
STATUS_IN_RESET = 4
STATUS_LOADED = 8
STATUS_LOADING = 16
STATUS_LOAD_ERROR_SHIFT = 8
STATUS_LOAD_ERROR_MASK = 7
LOAD_MAGIC = 0x574E4E42
LOAD_VERSION = 1
LOAD_HASH_WORD = 3
LOAD_HEADER_WORDS = 11
LOAD_ERRORS = {
    1: "what came does not begin as a weight image",
    2: "the format version of the image is not the accelerator's",
    3: "the image has another number of words than the accelerator's memories",
    4: "the CRC is wrong: words were changed on the way",
}
"""What the error of the loader in the status register means."""
