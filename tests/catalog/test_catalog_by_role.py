"""The catalog on a real server, each step with the credentials of the role that does it."""

from pathlib import Path

import polars as pl
import pyarrow.dataset
import pyarrow.fs
import pytest

from tests.access.conftest import Account, account, estate, signing_key
from tests.access.office import Office
from tests.catalog.library import SPEECH, Library
from tests.erasure.house import eraser
from unvoiced.access.roles import Place, Role
from unvoiced.catalog.build import CatalogBuilder
from unvoiced.catalog.query import run_query
from unvoiced.catalog.table import load
from unvoiced.erasure import carry_out, request
from unvoiced.errors import NotAllowed

__all__ = ["account", "estate", "signing_key"]
pytestmark = pytest.mark.server


@pytest.mark.inv("INV-10")
def test_worker_builds_scientist_reads_eraser_destroys(account: Account, tmp_path: Path) -> None:
    """No request is made that a role's policy at Amazon would refuse; who may not build cannot; and
    other engines read the shards from the bucket.
    """
    office = Office.open(account, tmp_path / "home")
    admin, worker = office.administrator(), office.hire(Role.WORKER)
    library = Library.furnish(admin, anna=2, bruno=1)
    anna, bruno = library.sent[0].pseudonym, library.sent[2].pseudonym

    built = CatalogBuilder.of(worker.settings).build(SPEECH)
    library.ingest(anna=1)
    again = CatalogBuilder.of(worker.settings).build(SPEECH)
    assert [(one.rows, one.new) for one in (built, again)] == [(3, 3), (4, 1)]

    scientist = office.hire(Role.DATA_SCIENTIST)
    table = load(scientist.store("training"), SPEECH)
    assert run_query(table, "select count(*) from catalog")[1] == [(4,)]
    with pytest.raises(NotAllowed):
        office.hire(Role.DATA_SCIENTIST).store("training").put_if_absent("catalog/x", b"")

    bucket, _ = account.where(Place.TRAINING)
    keys, host = account.assume(Role.DATA_SCIENTIST), account.server.endpoint
    options = {
        "aws_endpoint_url": host,
        **keys,
        "aws_region": "us-east-1",
        "aws_allow_http": "true",
    }
    shards = f"s3://{bucket}/catalog/{SPEECH}/*.parquet"
    frame = pl.read_parquet(shards, storage_options=options)
    assert sorted(frame["name"]) == table["name"].to_pylist()
    system = pyarrow.fs.S3FileSystem(
        access_key=keys["aws_access_key_id"],
        secret_key=keys["aws_secret_access_key"],
        session_token=keys["aws_session_token"],
        endpoint_override=host.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
    )
    found = pyarrow.dataset.dataset(f"{bucket}/catalog/{SPEECH}", filesystem=system)
    assert found.to_table(columns=["name"]).to_pandas().shape == (4, 1)

    destroyer = office.hire(Role.ERASER)
    opened = eraser(destroyer)
    outcome = carry_out(opened, request(opened, anna))
    assert outcome.complete
    assert outcome.destroyed is not None
    assert outcome.destroyed["catalog"] == 2  # versions of one shard
    assert CatalogBuilder.of(worker.settings).build(SPEECH).rows == 1
    assert load(scientist.store("training"), SPEECH)["pseudonym"].to_pylist() == [bruno]
    for person in (worker, scientist, destroyer):
        assert person.would_be_refused_at_amazon() == []
