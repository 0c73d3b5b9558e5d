"""Where can portals be attacked without harm? On loopback, in a city of our own making."""

from sensors.portal.range.attack import KINDS, Attack
from sensors.portal.range.server import PortalRange
from sensors.portal.range.site import Site

__all__ = ["KINDS", "Attack", "PortalRange", "Site"]
