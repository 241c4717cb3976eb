"""How far an epoch came, as a few names and numbers that can be saved with a model's weights."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from unvoiced.errors import InputError
from unvoiced.reader.order import Mark, Order

_FORMAT = "unvoiced-position/1"
_FIXED = ("seed", "shard", "shards")


@dataclass(slots=True)
class Position:
    """Where an iteration is: in which order, after which sample."""

    order: Order
    after: Mark | None = None

    def state(self, feature_set: str) -> dict[str, Any]:
        """What `of_state` takes: texts, numbers and None."""
        order, after = self.order, self.after
        return {
            "format": _FORMAT,
            "feature_set": feature_set,
            "seed": order.seed,
            "epoch": order.epoch,
            "shard": order.shard,
            "shards": order.shards,
            "windows": order.windows,
            "after": after.name if after else None,
            "size": after.size if after else 0,
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any], feature_set: str, order: Order) -> "Position":
        """Where to go on in this order; the epoch is the state's.

        Raises `InputError` for the state of another order, shard or feature set, or for none.
        """
        wanted = {"format": _FORMAT, "feature_set": feature_set}
        wanted |= {name: getattr(order, name) for name in _FIXED}
        for name, value in wanted.items():
            if state.get(name) != value:
                raise InputError(
                    f"this state does not belong here: its {name} is {state.get(name)!r},"
                    f" not {value!r}"
                )
        epoch, windows = state.get("epoch"), state.get("windows")
        after, size = state.get("after"), state.get("size")
        if not (
            type(epoch) is type(windows) is type(size) is int and isinstance(after, str | None)
        ):
            raise InputError("this is not what state_dict returned")
        if bool(windows) != bool(order.windows):
            raise InputError("this state is of batches by frames, and these are not, or reversed")
        mark = None if after is None else Mark(after, size)
        return cls(replace(order, epoch=epoch, windows=windows), mark)
