"""Setting up what one asks about, asking, and saying what came of it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tests.access.operations import NEW, OLD, Operation, Picture, Scene, Spot, picture, tomorrow
from unvoiced.access.roles import Place, Role

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# HEAD has no body, so no code but the status.
REFUSED = {"AccessDenied", "403"}
_BESIDE = "beside/it"


@dataclass
class Stage:
    """One bucket of a test, set up anew whenever something has changed in it."""

    admin: "S3Client"
    bucket: str
    _set: tuple[str, Scene] | None = None
    _spot: Spot = field(default_factory=lambda: Spot("", ""))
    _picture: Picture = field(default_factory=dict)

    def ready(self, key: str, scene: Scene) -> tuple[Spot, Picture]:
        """The scene, and what stands in the bucket then: another object beside it is always."""
        if self._set != (key, scene):
            self.clear()
            self._put(_BESIDE, b"another object")
            self._spot = Spot(self.bucket, key)
            if scene is not Scene.NOTHING:
                self._spot = Spot(self.bucket, key, self._put(key, OLD), self._put(key, NEW))
            if scene is Scene.LOCKED:
                self._lock(self._spot)
            self._set, self._picture = (key, scene), picture(self.admin, self.bucket)
        return self._spot, self._picture

    def look(self) -> Picture:
        """What stands there now."""
        found = picture(self.admin, self.bucket)
        if found != self._picture or (self._set and self._set[1] is Scene.LOCKED):
            self._set = None  # that a lock was changed is not seen in a list of versions
        return found

    def clear(self) -> None:
        """Every version goes, locked or not."""
        self._set = None
        found: Any = [
            {"Key": key, "VersionId": version} for key, version in picture(self.admin, self.bucket)
        ]
        if found:
            answer = self.admin.delete_objects(
                Bucket=self.bucket, Delete={"Objects": found}, BypassGovernanceRetention=True
            )
            assert not answer.get("Errors")

    def _put(self, key: str, body: bytes) -> str:
        return self.admin.put_object(Bucket=self.bucket, Key=key, Body=body)["VersionId"]

    def _lock(self, spot: Spot) -> None:
        """As far as the bucket can: elsewhere than in an archive there is nothing to lock with."""
        with suppress(ClientError):
            retention: Any = {"Mode": "GOVERNANCE", "RetainUntilDate": tomorrow()}
            self.admin.put_object_retention(**spot.at, Retention=retention)
            self.admin.put_object_legal_hold(**spot.at, LegalHold={"Status": "OFF"})


def wrong(
    stage: Stage,
    client: "S3Client",
    cell: tuple[Role, Place, str],
    operations: Sequence[Operation],
    folder: str = "",
) -> list[str]:
    """Ask all of it about one name; what did not come out as the table says, in words."""
    role, place, name = cell
    found = []
    for operation in operations:
        spot, before = stage.ready(folder + name, operation.scene)
        allowed = operation.may(role, place, name)
        code, answer = _ask(operation, client, spot)
        # Should reading change something, it is seen after whatever is asked next.
        after = before if operation.only_looks else stage.look()
        if allowed and code is None:
            verdict = "" if operation.worked(spot, answer, before, after) else "without effect"
        elif allowed:
            verdict = f"refused with {code}"
        elif code is None:
            verdict = "allowed"
        elif code not in REFUSED:
            verdict = f"neither allowed nor refused: {code}"
        else:
            verdict = "" if after == before else "refused, with effect"
        if verdict:
            found.append(f"{role}, {operation.title}, {place}: {name}: {verdict}")
    if operation.only_looks and stage.look() != before:
        found.append(f"{role}, {operation.title}, {place}: {name}: reading changed something")
    return found


def _ask(operation: Operation, client: "S3Client", spot: Spot) -> tuple[str | None, Any]:
    try:
        return None, operation.ask(client, spot)
    except ClientError as error:
        return str(error.response["Error"]["Code"]), None
