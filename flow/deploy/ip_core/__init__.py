"""The accelerator for a block design of one's own: IP-XACT, a FuseSoC core, a header for C."""

from flow.deploy.ip_core.core import IpCore
from flow.deploy.ip_core.folder import COMPONENT, IP_DIR, write_ip_core
from flow.deploy.ip_core.header import DESIGN_HEADER, design_header

__all__ = ["COMPONENT", "DESIGN_HEADER", "IP_DIR", "IpCore", "design_header", "write_ip_core"]
