"""Streamlining: from floating point between the layers to integer thresholds, NHWC, exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qonnx.transformation.bipolar_to_xnor import ConvertBipolarMatMulToXnorPopcount
from qonnx.transformation.general import (
    GiveReadableTensorNames,
    GiveUniqueNodeNames,
    RemoveUnusedTensors,
)
from qonnx.transformation.infer_data_layouts import InferDataLayouts
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

from flow.graph.input import FlattenBehindQuantiser, TakePixels
from flow.graph.padding import (
    ClearBinaryPadValues,
    FoldBipolarPad,
    MarkPadValues,
    WidenPaddedActivations,
)
from flow.graph.scores import DropScoreScale
from flow.graph.thresholds import SetExactThresholds
from flow.graph.weights import FitWeightTypes, MakeRoomForSigns
from flow.tools.finn import apply_all, prepare_finn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.golden import ChannelSteps


def streamline(
    model: ModelWrapper, input_codes: NDArray[np.int64], layers: Sequence[ChannelSteps]
) -> tuple[ModelWrapper, int]:
    """Streamline a tidy `model` and put the golden model's own thresholds into it.

    `input_codes`: int64 (256,), the input quantiser's code of each pixel value; `layers`: the exact
    steps of each further activation in order. Returns the graph, whose input is uint8 NHWC pixels,
    and the number of thresholds FINN's float arithmetic had placed one accumulator step or more
    away from the golden model's.
    """
    prepare_finn()
    from finn.transformation.streamline import Streamline
    from finn.transformation.streamline.absorb import (
        AbsorbConsecutiveTransposes,
        AbsorbScalarBiasIntoMultiThreshold,
        AbsorbTransposeIntoMultiThreshold,
    )
    from finn.transformation.streamline.reorder import (
        MakeMaxPoolNHWC,
        MoveMaxPoolPastMultiThreshold,
    )

    model = apply_all(
        model,
        [
            FlattenBehindQuantiser(),
            FoldBipolarPad(),
            MakeRoomForSigns(),
            AbsorbScalarBiasIntoMultiThreshold(),
            Streamline(),
            MoveMaxPoolPastMultiThreshold(),
            LowerConvsToMatMul(),
            MakeMaxPoolNHWC(),
            AbsorbTransposeIntoMultiThreshold(),
            MakeMaxPoolNHWC(),
            AbsorbConsecutiveTransposes(),
            MarkPadValues(),
            TakePixels(input_codes),
            AbsorbConsecutiveTransposes(),
            InferShapes(),
            InferDataTypes(),
        ],
    )
    exact = SetExactThresholds(layers)
    model = apply_all(
        model,
        [
            exact,
            WidenPaddedActivations(),
            InferDataTypes(),
            ConvertBipolarMatMulToXnorPopcount(),
            ClearBinaryPadValues(),
            Streamline(),
            DropScoreScale(),
            FitWeightTypes(),
            InferDataTypes(),
            InferDataLayouts(),
            RemoveUnusedTensors(),
            GiveUniqueNodeNames(),
            GiveReadableTensorNames(),
        ],
    )
    return model, exact.moved
