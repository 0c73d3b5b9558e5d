"""Which witnesses are asked about portals beside their pages, and how are they counted?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.house import House
    from sensors.portal.visit import Visit
    from sensors.portal.witness import Witness


def witnesses(house: House) -> tuple[Witness, ...]:
    """Those that the settings switch on, in the order in which they are asked."""
    from console.vulnerabilities import Table, table_file
    from sensors.portal.documents import Documents
    from sensors.portal.scripts import Scripts
    from sensors.portal.tls import Handshakes
    from sensors.portal.versions import Versions

    chosen: list[Witness] = []
    camera = house.camera
    if camera is not None:
        from sensors.portal.picture.eye import Eye

        chosen.append(
            Eye(camera=camera, get=house.evidence.get, every_s=float(house.settings.pictures.every_s))
        )
    if house.settings.lookup.resolver:
        from sensors.portal.names import Names

        chosen.append(Names(settings=house.settings.lookup))
    chosen.append(Handshakes(allow_loopback=house.settings.fetch.allow_loopback))
    chosen.append(Scripts())
    chosen.append(Documents())
    chosen.append(Versions(known=Table(table_file(house))))
    return tuple(chosen)


def count(house: House, visit: Visit) -> None:
    """Tell the health page what each witness did and how often it failed."""
    for one in visit.heard:
        house.pulse.count(f"portal.{one.name}", asked=1, told=len(one.said.events), **one.said.counts)
