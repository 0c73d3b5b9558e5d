"""How does an agency want its portal to be watched?

Sensitivity, blocks of the page that do not count, maintenance. None of it hides an attack: what is spam, a
defacement, a foreign script or a leak is told whatever the care says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from citywatch.model import Severity
from sensors.portal.baseline import Face
from sensors.portal.danger import GRAVITY
from sensors.portal.look import Look

LOW, NORMAL, HIGH = "low", "normal", "high"
SENSITIVITIES = (LOW, NORMAL, HIGH)
_REDESIGN = frozenset({"page.replaced", "page.picture", "title.replaced"})
"""What works on a portal look like."""
_IGNORED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How one portal is to be watched."""

    sensitivity: str = NORMAL
    """low: no alarm for another title, picture or style sheet alone; high: also for any change of a form, a
    frame or a script that a rule would pass over."""
    ignored: tuple[str, ...] = ()
    """Places of the page (`div.news>ul>li`) whose text may change as it likes."""
    inner_pages: int = 0
    """Inner pages to look at on each visit; 0: as everywhere."""
    home_only: bool = False
    """It is outside the hours that the agency set: only the home page is looked at, and no witness asked."""
    in_maintenance: bool = False
    """The agency works on it now: nothing is learned, and a page that is replaced or gone is no alarm."""

    def tuned(self, look: Look) -> Look:
        """The look without the dangers that this portal's owners do not want to hear of."""
        dangerous = [name for name in look.dangerous if not self._passes_over(name)]
        if self.sensitivity == HIGH and look.difference is not None:
            held = {"scripts": "script.any", "iframes": "frame.any", "forms": "form.any"}
            grave = bool(look.dangerous)
            dangerous += [
                name for part, name in held.items() if part in look.difference.changed and not grave
            ]
        return replace(look, dangerous=tuple(dangerous)) if tuple(dangerous) != look.dangerous else look

    def _passes_over(self, danger: str) -> bool:
        if self.in_maintenance and danger in _REDESIGN:
            return True
        return self.sensitivity == LOW and GRAVITY.get(danger, Severity.high) <= Severity.medium


def with_ignored(face: Face, care: Care) -> Face:
    """The face, with the ignored places among those that change by themselves."""
    if not care.ignored:
        return face
    return replace(face, places={**face.places, **dict.fromkeys(care.ignored, _IGNORED)})


CARELESS = Care()
