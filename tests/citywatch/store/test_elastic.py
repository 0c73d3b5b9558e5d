"""Does the Elasticsearch store keep the store's promises on a real server?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from citywatch.clock import system_clock
from citywatch.ports import Store
from citywatch.settings import Elastic
from citywatch.store.elastic import ElasticStore
from tests.citywatch.store.contract import StoreContract

pytestmark = pytest.mark.elasticsearch


class TestElasticStore(StoreContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make(cls, elasticsearch: str) -> Iterator[Callable[[], Store]]:
        made: list[tuple[ElasticStore, str]] = []

        def make() -> Store:
            settings = Elastic(prefix=f"test-{uuid4().hex[:8]}", replicas=0)
            made.append((ElasticStore(elasticsearch, settings, clock=system_clock), settings.prefix))
            return made[-1][0]

        yield make
        for store, prefix in made:
            clear(store, prefix)


def clear(store: ElasticStore, prefix: str) -> None:
    client = store._client  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - only tests take everything away
    names = list(client.indices.get_alias(index=f"{prefix}-*"))
    if names:
        client.indices.delete(index=names)
    if client.indices.exists_index_template(name=f"{prefix}-events"):
        client.indices.delete_index_template(name=f"{prefix}-events")
    store.close()
