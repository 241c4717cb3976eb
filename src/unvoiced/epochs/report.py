"""What a run of retirement did, and what of it has to be said loudly. No I/O."""

from dataclasses import dataclass, field

from unvoiced.errors import AccessError, VerificationError


@dataclass
class Retirements:
    """What a run did: epochs by name, counts and reasons."""

    retired: dict[str, str] = field(default_factory=dict)  # epoch -> digest of its public key
    held_back: dict[str, tuple[str, ...]] = field(default_factory=dict)  # closed, and why kept
    destroyed: dict[str, str] = field(default_factory=dict)  # key gone, leaf not logged yet: why
    lost: dict[str, tuple[str, ...]] = field(default_factory=dict)  # gone, and not on purpose
    blocked: dict[str, str] = field(default_factory=dict)  # could not be destroyed
    adopted: list[str] = field(default_factory=list)  # half-made keys that the log now knows
    quarantined: list[str] = field(default_factory=list)  # object names: sealed to a key now gone
    again: list[str] = field(default_factory=list)  # retired before, back in the vault, destroyed
    # Retired by the log, in the vault, and kept: what holds it.
    disputed: dict[str, tuple[str, ...]] = field(default_factory=dict)


def dispute(report: Retirements) -> VerificationError | None:
    """What is to be said of keys that the log calls retired, and that are kept all the same."""
    if not report.disputed:
        return None
    what = "; ".join(f"{epoch}: {', '.join(why)}" for epoch, why in sorted(report.disputed.items()))
    return VerificationError(
        "the log calls intake keys retired that stand in the worker's vault and may still be "
        "needed. They are kept. Either a backup of the vault was restored, or somebody who signs "
        f"for the log said what is not so: docs/keys.md, Retired, and still there. {what}"
    )


def loss(report: Retirements) -> AccessError | None:
    """What is to be said of keys that are gone and were not meant to be."""
    if not report.lost:
        return None
    what = "; ".join(f"{epoch}: {', '.join(holds)}" for epoch, holds in sorted(report.lost.items()))
    return AccessError(
        "intake keys are missing from the worker's vault, and nobody retired them: restore them "
        f"from a backup, or what is sealed to them is lost. {what}"
    )
