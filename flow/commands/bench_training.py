"""`flow bench training`: images a second of the training loop, and what its loader costs."""

from __future__ import annotations

from pathlib import Path

import typer

from flow.commands.output import print_json
from flow.commands.selection import data_folder
from flow.commands.train import read_recipe, recipe_path
from flow.errors import CheckFailed
from flow.paths import shown


def training(
    recipe_file: Path,
    data: Path | None,
    steps: int,
    assignments: list[str],
    *,
    device: str,
    compiled: bool,
    as_json: bool,
) -> None:
    """Measure and print; CheckFailed where the loader takes 5 % of the time or more.

    Without data the images are the crops of photographs that come with scikit-image.
    """
    from dataclasses import replace

    import numpy as np

    from flow.data.datasets import find_images, load_images
    from flow.training.bench import LOADER_LIMIT, measure_training, warm_up_steps

    path = recipe_path(recipe_file)
    recipe = read_recipe(path, assignments)
    folder = data_folder(data)
    if folder is not None:
        images = load_images(folder, "train", recipe.model.image_shape)
    else:
        count = recipe.batch_images * (steps + warm_up_steps(device))
        found = find_images(None, count, recipe.model.image_shape)
        images = replace(found, labels=np.arange(len(found)) % recipe.model.classes)
    speed = measure_training(recipe, images, steps=steps, device=device, compiled=compiled)
    if as_json:
        print_json(
            {
                "images_per_second": speed.images_per_second,
                "processor_ms_per_image": speed.processor_ms_per_image,
                "loader_share": speed.loader_share,
                "convolution_share": speed.convolution_share,
                "steps": speed.steps,
                "source": images.source,
            }
        )
    else:
        share = speed.convolution_share
        typer.echo(
            f"{shown(path)} on {device}{' compiled' if compiled else ''}: "
            f"{speed.images_per_second:,.1f} images/s, "
            f"{speed.processor_ms_per_image:.2f} ms of processor time an image, the loader takes "
            f"{speed.loader_share:.2%} of the time ({speed.steps} steps of {recipe.batch_images}; "
            f"{images.source})"
            + (f"; convolutions take {share:.1%} of a step" if share is not None else "")
        )
    if speed.loader_share >= LOADER_LIMIT:
        raise CheckFailed(
            f"bench: the loader takes {speed.loader_share:.1%} of the training time; less than "
            f"{LOADER_LIMIT:.0%} is wanted"
        )
