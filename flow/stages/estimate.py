"""Resources and cycles before anything is synthesised."""

from __future__ import annotations

import json

from qonnx.core.modelwrapper import ModelWrapper

from flow.artifact import Artifact
from flow.hw.base import BnnOp
from flow.hw.estimation import Instance, estimate, loader_instance, rounded, shell_instance
from flow.hw.shell import shell_info
from flow.stage import Stage, StageContext, StageResult
from flow.tools.finn import custom_op


class Estimate(Stage):
    """Add up the cost model over the sized graph and the shell; name the slowest layer."""

    id = "estimate"
    requires = (Artifact.SIZED_GRAPH,)
    produces = (Artifact.ESTIMATE,)
    config_fields = ("clock_mhz",)
    board_fields = (
        "default_clock_mhz",
        "dma_width_bits",
        "yosys_family",
        "resources",
        "max_utilisation",
    )
    sources = ("flow/hw/costs/coefficients.json",)

    def run(self, ctx: StageContext) -> StageResult:
        model = ModelWrapper(str(ctx.input(Artifact.SIZED_GRAPH)))
        ops: list[tuple[str, BnnOp]] = [(node.name, custom_op(node)) for node in model.graph.node]
        instances = [
            Instance(name, op.module, op.parameters(), op.get_exp_cycles()) for name, op in ops
        ]
        first, last = ops[0][1].in_stream(), ops[-1][1].out_stream()
        loaded = [
            memory.load_words
            for name, op in ops
            if op.parameters().get("Loadable") == "1'b1"
            for memory in op.memory_images(model)
        ]
        if loaded:
            instances.append(loader_instance(sum(loaded), len(loaded)))
        shell = shell_info(first, last, ctx.board.dma_width_bits, [], sum(loaded))
        instances.append(
            shell_instance(
                shell.dma_width_bits,
                (first.width, first.beats),
                (last.lanes, last.elem_bits, last.beats, last.signed),
                shell.out_elem_bits,
                shell.in_frame_bytes,
                sum(loaded),
            )
        )
        found = estimate(instances, ctx.board.yosys_family)
        slowest = max(instances, key=lambda instance: instance.cycles)
        total = rounded(found.total)
        fps = ctx.build.clock_mhz * 1e6 / slowest.cycles
        record = {
            "total": total,
            "cycles_per_frame": slowest.cycles,
            "bottleneck": slowest.name,
            "instances": {
                instance.name: {
                    "module": instance.module,
                    "cycles": instance.cycles,
                    **rounded(found.instances[instance.name]),
                }
                for instance in instances
            },
        }
        ctx.output(Artifact.ESTIMATE).write_text(json.dumps(record, indent=1) + "\n")
        return StageResult(
            metrics={key: record[key] for key in ("total", "cycles_per_frame", "bottleneck")},
            summary=f"{total['lut']:,} LUT, {total['bram36']:g} BRAM36, {fps:,.0f} fps ideal, "
            f"{slowest.name} limits",
            report={
                "resources": {"estimate": total},
                "throughput": {
                    "clock_mhz": ctx.build.clock_mhz,
                    "fps_estimate": round(fps, 1),
                    "bottleneck": slowest.name,
                },
            },
        )
