"""Why no original is selected, told from listings alone; opens and changes nothing."""

from unvoiced.backfill.request import Request
from unvoiced.config import Settings
from unvoiced.stores.interface import CONDITIONS_PROBE

GONE = (
    "Recordings that were disposed of and not archived are gone: no new feature set can ever be "
    "made from them."
)


def why_none(settings: Settings, request: Request) -> str:
    """Why the request selects no original, where it selects none."""
    place, chosen = request.source, request.selection
    store = settings.store(place)

    def holds(prefix: str) -> bool:
        return any(
            not one.delete_marker and one.name != CONDITIONS_PROBE for one in store.versions(prefix)
        )

    if not holds(""):
        meant = list(settings.disposal.archive)
        empty = (
            f"The archive is empty ([disposal] archive is {meant})."
            if place == "archive"
            else "The raw store is empty."
        )
        return f"{empty} {GONE}"
    where = "archive" if place == "archive" else "raw store"
    if not any(map(holds, chosen.prefixes())):
        return f"There is no such contributor in the {where}."
    return f"There is nothing in the {where} between these dates."
