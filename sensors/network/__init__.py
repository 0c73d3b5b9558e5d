"""What do packets say?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sensors.network.capture import NetworkSensor

__all__ = ["NetworkSensor"]


def __getattr__(name: str) -> Any:
    """Load the decoders only when a capture is about to be read: `--help` must stay quick."""
    if name == "NetworkSensor":
        from sensors.network.capture import NetworkSensor  # noqa: PLC0415 - loaded where it is first needed

        return NetworkSensor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
