"""The golden vectors in the package: real images, and the scores the golden model gives them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driver.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Optional, Tuple

    from numpy.typing import NDArray

    from driver.manifest import Manifest


class Golden(NamedTuple):
    """images: integers (N, H, W, C); labels: int64 (N,), -1 unknown; scores: int32 (N, classes).

    inputs: what the images were made of, as the network's file holds it; None for pixels.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    scores: NDArray[np.int32]
    source: str
    inputs: Optional[NDArray[np.float32]]


def load_golden(manifest: Manifest, path: Optional[Path] = None) -> Golden:
    """Read the vectors of the package, or those in another file.

    Raises CheckFailed if the file is damaged or does not belong to the manifest, InputError if
    another one is missing.
    """
    if path is None:
        path = manifest.checked_path(manifest.golden)
    elif not path.is_file():
        raise InputError(f"--golden: there is no file {path}")
    try:
        with np.load(str(path), allow_pickle=False) as data:
            scores, source = data["scores"], str(data["source"])
            inputs = data["inputs"] if "inputs" in data.files else None
            arrays = (data["images"], data["labels"], scores.astype(np.int32))
            golden = Golden(*arrays, source, inputs)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise CheckFailed(f"{path}: is no file of golden vectors ({error})") from error
    manifest.input.check(golden.images, str(path))
    if golden.inputs is not None and not np.array_equal(
        manifest.input.integers(golden.inputs, str(path)), golden.images
    ):
        raise CheckFailed(f"{path}: its inputs do not give its codes here")
    if golden.scores.shape != (len(golden.images), manifest.classes) or np.any(
        golden.scores != scores
    ):
        raise CheckFailed(
            f"{path}: its scores are {scores.dtype} {scores.shape}, not integers "
            f"({len(golden.images)}, {manifest.classes})"
        )
    return golden


def onnxruntime_scores(
    manifest: Manifest, images: NDArray[Any], path: Optional[Path] = None
) -> Tuple[Optional[NDArray[np.int32]], str]:
    """Return the golden model's scores in onnxruntime as it is here, and one line on it.

    path: another golden model than the package's; InputError if it is none for these images.
    The scores are None where onnxruntime is not installed; the line then says so.
    """
    try:
        import onnxruntime
    except ImportError:
        return None, "onnxruntime is not installed here; compared with the recorded scores only"
    if path is None:
        path = manifest.checked_path(manifest.golden_onnx)
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        scores = session.run(["scores"], {"images": images})[0]
    except Exception as error:  # onnxruntime has no base class for its errors
        first = str(error).splitlines()[0]
        raise InputError(f"{path}: onnxruntime cannot run it on these images: {first}") from error
    return scores.astype(np.int32), f"onnxruntime {onnxruntime.__version__}"


def first_difference(found: NDArray[np.int32], wanted: NDArray[np.int32]) -> str:
    """Return "" if equal, else where the first difference is and how many images differ."""
    if found.shape != wanted.shape:
        return f"scores are {found.shape}, golden {wanted.shape}"
    wrong = np.argwhere(found != wanted)
    if not len(wrong):
        return ""
    image, score = (int(k) for k in wrong[0])
    images = len(np.unique(wrong[:, 0]))
    return (
        f"{images} of {len(found)} images differ; first: image {image}, score {score}: "
        f"{int(found[image, score])} instead of {int(wanted[image, score])}"
    )
