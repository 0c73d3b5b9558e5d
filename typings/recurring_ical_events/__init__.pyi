from collections.abc import Sequence
from datetime import datetime
from typing import Any

class CalendarQuery:
    def between(self, start: datetime, stop: datetime) -> Sequence[Any]: ...

def of(a_calendar: Any) -> CalendarQuery: ...
