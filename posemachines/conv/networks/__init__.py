"""Networks: the published nets A, B and C, `cpm-lite` and `cpm-pretrained`; their cost and receptive fields."""

from .facts import NetworkFacts, network_facts
from .network import NETWORKS, Design, PoseNetwork, assemble, build_network, network_name

__all__ = [
    "NETWORKS",
    "Design",
    "NetworkFacts",
    "PoseNetwork",
    "assemble",
    "build_network",
    "network_facts",
    "network_name",
]
