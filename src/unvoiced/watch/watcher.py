"""Everything the watcher holds: who looks at the trail and the provider's logs, and tells.

Of secrets that is the log's signing key, where no key service holds it, and no other. It opens no
features and changes nothing that was recorded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from unvoiced.clock import utc_now
from unvoiced.config import Settings
from unvoiced.errors import InputError, StoreError
from unvoiced.log.accounts import Accounts
from unvoiced.log.note import Signer
from unvoiced.stores import Store, open_store
from unvoiced.watch.event import Origin


@dataclass(frozen=True)
class Watcher:
    """Opened stores and the log, for one process that watches."""

    settings: Settings
    audit: Store
    accounts: Accounts
    signer: Signer  # of the log, and of what the watch remembers
    performed_by: str
    now: Callable[[], datetime]
    provider: Mapping[Origin, Store] = field(default_factory=dict)  # the logs that are configured
    unopened: Mapping[Origin, str] = field(default_factory=dict)  # those that could not be, and why


def open_watcher(settings: Settings, run_id: str, now: Callable[[], datetime] = utc_now) -> Watcher:
    """Open what `unvoiced.toml` names. Raises `AccessError`, `StoreError` or `InputError`.

    A log of the provider's that cannot be opened stops nothing: it is an alert.
    """
    vault = settings.vault("worker")
    signer = settings.signer(vault)
    urls = {
        Origin.CLOUDTRAIL: settings.watch.cloudtrail,
        Origin.ACCESS_LOG: settings.watch.access_logs,
    }
    provider: dict[Origin, Store] = {}
    unopened: dict[Origin, str] = {}
    for origin, url in urls.items():
        if url:
            try:
                provider[origin] = open_store(url)
            except (StoreError, InputError) as error:
                unopened[origin] = type(error).__name__
    return Watcher(
        settings=settings,
        audit=settings.store("audit"),
        accounts=settings.accounts(vault, signer),
        signer=signer,
        performed_by=f"watcher, run {run_id}",
        now=now,
        provider=provider,
        unopened=unopened,
    )
