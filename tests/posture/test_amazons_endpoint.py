"""A store whose url spells out Amazon's own endpoint is at Amazon all the same."""

from pathlib import Path

import pytest

from tests.posture.right_facts import NOW
from unvoiced.aws.account import Account, NotAnswered
from unvoiced.config import load_settings
from unvoiced.deployment import create_deployment
from unvoiced.posture.look import take_facts


@pytest.mark.parametrize(
    ("endpoint", "amazon"),
    [
        ("", True),
        ("&endpoint=https://s3.eu-central-1.amazonaws.com", True),
        ("&endpoint=https://s3.example.org", False),
        ("&endpoint=https://s3.amazonaws.com.example.org", False),
    ],
)
def test_whose_server_it_is_says_its_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str, amazon: bool
) -> None:
    """Posture and the policies of roles see it alike; nobody is asked here."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "any")
    monkeypatch.setattr(Account, "ask", lambda *_, **__: NotAnswered("not asked here", "true"))
    path = create_deployment(tmp_path / "deployment", NOW).path
    text = path.read_text(encoding="utf-8")
    url = f"s3://raw?region=eu-central-1{endpoint}"
    path.write_text(text.replace('"stores/raw"', f'"{url}"'), encoding="utf-8")

    settings = load_settings(path)

    (bucket,) = take_facts(settings, NOW).buckets
    assert (bucket.amazon, settings.estate().amazon) == (amazon, amazon)
