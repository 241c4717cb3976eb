"""A put whose answer got lost, sent again into a conflict between writers."""

import pytest

from tests.servers import trouble
from tests.servers.seaweed import Seaweed
from tests.servers.trouble import Trouble
from unvoiced.stores import open_store


@pytest.mark.server
@pytest.mark.parametrize("versioned", [True, False])
def test_a_put_that_nobody_heard_and_that_then_met_a_conflict_is_recognised(
    s3_trouble: Trouble, s3_server: Seaweed, versioned: bool
) -> None:
    """Done, its answer lost; sent again, in conflict; sent again, refused: it is still its own."""
    store = open_store(s3_trouble.store_url(s3_server.bucket(versioned=versioned)))
    s3_trouble.next(trouble.hang_up_after, method="PUT", part="p/one")
    s3_trouble.next(trouble.refuse(409, "ConditionalRequestConflict"), method="PUT", part="p/one")
    version = store.put_if_absent("p/one", b"1")
    assert store.get("p/one").version == version
