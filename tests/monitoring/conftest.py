"""What stands in for Prefect's artifacts where no server is needed."""

from typing import Any

import pytest

from tasks import artifacts, report


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """The artifacts that were made, by key."""
    found: dict[str, dict[str, Any]] = {}
    for kind in ("table", "markdown"):
        monkeypatch.setattr(
            artifacts,
            f"create_{kind}_artifact",
            lambda **given: found.update({given["key"]: given}),
        )
    for module in (artifacts, report):
        monkeypatch.setattr(module, "create_progress_artifact", lambda *_, **__: "id")
        monkeypatch.setattr(module, "update_progress_artifact", lambda *_, **__: None)
    return found
