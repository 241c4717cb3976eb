"""The role table as a page: what docs/roles.md shows, and what `unvoiced roles` prints."""

from unvoiced.access.roles import TABLE, Can, Right, Role


def rows(role: Role) -> list[tuple[str, str, str]]:
    """A role's rights as (place, what it may do there, why), in the table's order."""
    return [(right.place.value, _abilities(right), right.why) for right in TABLE[role]]


def as_markdown() -> str:
    """All roles, each with its rights."""
    lines = []
    for role in Role:
        lines += [f"### {role.value.capitalize()}", ""]
        lines += ["| where | may | why |", "|---|---|---|"]
        lines += [f"| {place} | {may} | {why} |" for place, may, why in rows(role)]
        lines.append("")
    return "\n".join(lines)


def _abilities(right: Right) -> str:
    may = ", ".join(can.value for can in Can if can in right.can)
    return f"{may}: {', '.join(f'`{name}`' for name in right.names)}" if right.names else may
