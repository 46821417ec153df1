"""The training methods by name, and how several are put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from flow.errors import UserError
from flow.training.methods.base import Aspect, Method, Phase, Runtime, Setting

__all__ = ["Method", "Methods", "Phase", "Runtime", "Setting", "method_classes"]


def method_classes() -> dict[str, type[Method]]:
    """Return every method by the name it has in a recipe."""
    from flow.training.methods import (
        apprentice,
        auxiliary_heads,
        binary_connect,
        bnn_shift,
        bop,
        distillation,
        dsq,
        ema,
        lab,
        main_subsidiary,
        recu,
        reste,
        sign_ste,
        two_stage,
        weight_scale,
    )

    classes: tuple[type[Method], ...] = (
        sign_ste.SignSTE,
        binary_connect.BinaryConnect,
        bnn_shift.BnnShift,
        weight_scale.BWN,
        weight_scale.XnorNet,
        lab.LAB,
        dsq.DSQ,
        apprentice.Apprentice,
        main_subsidiary.MainSubsidiary,
        recu.ReCU,
        reste.ReSTE,
        bop.Bop,
        two_stage.TwoStage,
        ema.EMA,
        distillation.Distillation,
        auxiliary_heads.AuxiliaryHeads,
    )
    return {kind.name: kind for kind in classes}


class Methods:
    """The methods of one recipe, and which of them decides what."""

    def __init__(self, chosen: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Build the methods in `chosen` (name to parameters); none: the direct sign.

        Raises UserError for an unknown name or parameter, or two that decide the same.
        """
        known = method_classes()
        self.all: list[Method] = []
        self._by_aspect: dict[Aspect, Method] = {}
        for name, parameters in (chosen or {}).items():
            if name not in known:
                raise UserError(
                    f"train: there is no method {name!r}; use some of {', '.join(known)}"
                )
            try:
                method = known[name].model_validate(dict(parameters))
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(part) for part in (name, *first["loc"]))
                raise UserError(f"train: methods.{where}: {first['msg']}") from error
            for aspect in sorted(method.decides):
                if aspect in self._by_aspect:
                    raise UserError(
                        f"train: methods {self._by_aspect[aspect].name} and {name} both decide the "
                        f"{aspect.replace('_', ' ')}; use one of the two"
                    )
                self._by_aspect[aspect] = method
            self.all.append(method)
        default = known["sign"]()
        self.weights = self._by_aspect.get("weights", default)
        self.activations = self._by_aspect.get("activations", default)

    def deciding(self, aspect: Aspect) -> Method | None:
        """Return the method that decides `aspect`, if one does."""
        return self._by_aspect.get(aspect)

    def start(self, setting: Setting) -> dict[str, Runtime]:
        """Return the living parts of the methods that have one, by method name.

        Those that decide the loss come first, so that what others add to it is not weighed again.
        """
        ordered = sorted(self.all, key=lambda method: "loss" not in method.decides)
        started = {method.name: method.start(setting) for method in ordered}
        return {name: runtime for name, runtime in started.items() if runtime is not None}
