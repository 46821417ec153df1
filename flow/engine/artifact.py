"""What stages hand to each other; an artifact has one name and one place in its stage's folder."""

from __future__ import annotations

from enum import Enum


class Artifact(Enum):
    """One kind of file (or directory) between stages; one stage of a pipeline produces it."""

    SOURCE_MODEL = ("source_model", True)  # what load_model took: a checkpoint or a QONNX file
    QONNX_MODEL = ("model.onnx", False)
    GOLDEN_MODEL = ("golden.onnx", False)
    GOLDEN_VECTORS = ("golden.npz", False)
    NETWORK = ("network", True)  # integers only: a text and its arrays
    FINN = ("finn", True)  # FINN's opinion, and its graphs as far as it came
    FOLDING = ("folding.toml", False)  # as settings, to be kept in a configuration
    FIFO_DEPTHS = ("fifos.json", False)
    SIMULATOR = ("simulator", True)  # compiled with deep FIFOs; a note where nothing was measured
    DESIGN = ("design.json", False)
    RTL = ("rtl", True)
    LINT_REPORT = ("lint.json", False)
    CPPSIM_LIBRARY = ("cppsim.so", False)
    CPPSIM_SCORES = ("golden_scores.npz", False)  # of the whole test set
    CPPSIM_RESULT = ("cppsim.json", False)
    RTLSIM_BINARY = ("rtlsim_binary", False)
    RTLSIM_RESULT = ("rtlsim.json", False)
    ESTIMATE = ("estimate.json", False)
    SYNTHESIS = ("synthesis.json", False)
    NETLIST_SIM = ("netlist_sim", True)  # the program that runs netlist and RTL, its images
    NETLIST = ("netlist", True)  # what Vivado synthesised: checkpoint and hardware handoff
    BITSTREAM = ("bitstream", True)  # .bit and .hwh belong together
    DEPLOY = ("deploy", True)

    def __init__(self, filename: str, is_directory: bool) -> None:
        """Take a member's value apart."""
        self.filename = filename
        self.is_directory = is_directory
