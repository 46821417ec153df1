"""What is computed: a graph of integer operations, each kind in a file of its own."""

from flow.network.add import Add
from flow.network.concat import Concat
from flow.network.conv import Conv
from flow.network.dense import Dense
from flow.network.depthwise import Depthwise
from flow.network.edge import Edge, Shape
from flow.network.input_codes import InputCodes
from flow.network.kinds import node_kinds, operator_kinds
from flow.network.network import Network, Product
from flow.network.node import Integers, Node, Window
from flow.network.pair_table import PairTable
from flow.network.pool import MaxPool, SumPool
from flow.network.product import stored_weights, weight_bits
from flow.network.scores import Scores
from flow.network.store import load_network, save_network
from flow.network.threshold import Threshold

__all__ = [
    "Add",
    "Concat",
    "Conv",
    "Dense",
    "Depthwise",
    "Edge",
    "InputCodes",
    "Integers",
    "MaxPool",
    "Network",
    "Node",
    "PairTable",
    "Product",
    "Scores",
    "Shape",
    "SumPool",
    "Threshold",
    "Window",
    "load_network",
    "node_kinds",
    "operator_kinds",
    "save_network",
    "stored_weights",
    "weight_bits",
]
