"""Where are events, alerts and tickets kept?"""

from __future__ import annotations

from pathlib import Path

from citywatch.clock import Clock
from citywatch.errors import SettingsError
from citywatch.ports import Store
from citywatch.settings import Settings
from citywatch.store.sqlite import SqliteStore


def open_store(settings: Settings, clock: Clock) -> Store:
    """Open the store that the settings name: a SQLite file (the default) or an Elasticsearch cluster.

    Raises:
        SettingsError: `store` names neither.
        StoreError: it cannot be opened.
    """
    where = settings.store
    if where.startswith(("http://", "https://")):
        from citywatch.store.elastic import ElasticStore  # noqa: PLC0415 - its client takes a second to import

        return ElasticStore(where, settings.elastic, clock=clock)
    if where and not where.startswith("sqlite:"):
        raise SettingsError(f"store = '{where}': write sqlite:PATH, or http(s)://HOST:9200 for Elasticsearch")
    named = where.removeprefix("sqlite:")
    return SqliteStore(settings.data / (Path(named) if named else "store.sqlite"), clock=clock)
