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
    from sensors.beats import Beats  # noqa: PLC0415
    from sensors.clamav import ClamAv  # noqa: PLC0415
    from sensors.errorlog import ErrorLog  # noqa: PLC0415
    from sensors.eve import Eve  # noqa: PLC0415
    from sensors.iis import Iis  # noqa: PLC0415
    from sensors.modsecurity import ModSecurity  # noqa: PLC0415
    from sensors.mysql import MySql  # noqa: PLC0415
    from sensors.network import NetworkSensor  # noqa: PLC0415
    from sensors.oracle import Oracle  # noqa: PLC0415
    from sensors.postgres import Postgres  # noqa: PLC0415
    from sensors.sqlaudit import SqlAudit  # noqa: PLC0415
    from sensors.syslog import Syslog  # noqa: PLC0415
    from sensors.weblog import Weblog  # noqa: PLC0415
    from sensors.winlog import Winlog  # noqa: PLC0415
    from sensors.zeek import Zeek  # noqa: PLC0415

    return (
        *(NetworkSensor(), Winlog(), Beats(), Eve(), Zeek(), ModSecurity(), MySql(), Oracle(), Postgres()),
        *(SqlAudit(), Iis(), Weblog(), ErrorLog(), ClamAv(), Syslog()),
    )


def __getattr__(name: str) -> Any:
    """Make `ALL` when it is asked for."""
    if name == "ALL":
        return _all()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
