"""Follower: a layer that computes word by word behind a product, with as many lanes as that has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from flow.hardware.kernels.kernel import Kernel, Rows
from flow.hardware.stream import Element
from flow.network import Network, Node

AnyNode = TypeVar("AnyNode", bound=Node)


@dataclass(frozen=True)
class Follower(ABC, Generic[AnyNode]):
    """The geometry of such a layer; its constants stay in the node.

    element: of what goes out. A subclass takes one kind of node.
    """

    element: Element
    takes: ClassVar[type[Any]]
    """The kind of node."""
    stem: ClassVar[str]
    """Instances are called stem_0, stem_1 and so on."""

    @classmethod
    @abstractmethod
    def refusal(cls, form: Network, node: AnyNode) -> str:
        """Return why a node of the kind has no hardware; empty where it has."""

    @classmethod
    @abstractmethod
    def of(cls, form: Network, node: AnyNode, source: Element) -> Follower[AnyNode]:
        """Return the layer of a node that reads elements of `source`."""

    @abstractmethod
    def kernel(self, channels: int, lanes: int, pixels: int) -> Kernel:
        """Return the kernel for words of `lanes` elements of `pixels` pixels."""

    @property
    def loadable(self) -> bool:
        """Whether it stays right when other weights are loaded in front of it."""
        return True

    def pixels_out(self, pixels: int) -> int:
        """Return the pixels of a word that goes out; ValueError for what it cannot take."""
        if pixels != 1:
            raise ValueError(f"{self.stem} takes one pixel a word, not {pixels}")
        return 1

    def rows(self, kernel: Any, node: AnyNode) -> Mapping[str, Rows]:
        """Return what the kernel's memories hold, by parameter."""
        return {}
