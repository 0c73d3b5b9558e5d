"""How does nothing get lost between looking and judging?"""

from __future__ import annotations

from citywatch.journal.lmdb_journal import LmdbJournal

__all__ = ["LmdbJournal"]
