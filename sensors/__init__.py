"""What looks?

One file a source; each is listed in `ALL`, in the order in which they are asked whether they know a file.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from citywatch.ports import Sensor

    ALL: tuple[Sensor, ...]
    """Every sensor that reads files; made when first asked for."""


@cache
def _all() -> tuple[Sensor, ...]:
    # Decoders load when a file is about to be read, not when the command line prints its help.
    from sensors.eve import Eve  # noqa: PLC0415
    from sensors.iis import Iis  # noqa: PLC0415
    from sensors.network import NetworkSensor  # noqa: PLC0415
    from sensors.syslog import Syslog  # noqa: PLC0415
    from sensors.weblog import Weblog  # noqa: PLC0415
    from sensors.winlog import Winlog  # noqa: PLC0415
    from sensors.zeek import Zeek  # noqa: PLC0415

    return (NetworkSensor(), Winlog(), Eve(), Zeek(), Iis(), Weblog(), Syslog())


def __getattr__(name: str) -> Any:
    """Make `ALL` when it is asked for."""
    if name == "ALL":
        return _all()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
