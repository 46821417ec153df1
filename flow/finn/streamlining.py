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

from flow.finn.input import FlattenBehindQuantiser, TakePixels
from flow.finn.library import apply_all, prepare_finn
from flow.finn.padding import (
    ClearBinaryPadValues,
    FoldBipolarPad,
    MarkPadValues,
    WidenPaddedActivations,
)
from flow.finn.scores import DropScoreScale
from flow.finn.thresholds import SetExactThresholds
from flow.finn.weights import FitWeightTypes, MakeRoomForSigns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.finn.thresholds import ExactThresholds


def streamline(model: ModelWrapper, input_codes: NDArray[np.int64]) -> ModelWrapper:
    """Streamline a tidy `model` down to FINN's own thresholds.

    input_codes: int64 (256,), the input's code of each pixel value. The graph that is returned
    reads uint8 pixels, NHWC.
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

    return apply_all(
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


def finish_streamlining(model: ModelWrapper, exact: Sequence[ExactThresholds]) -> ModelWrapper:
    """Put the network's thresholds into a streamlined graph, and let FINN count equal bits."""
    from finn.transformation.streamline import Streamline

    return apply_all(
        model,
        [
            SetExactThresholds(exact),
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
