"""What a review finds: something that should not be, and the command that ends it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from unvoiced.posture.finding import Severity

# What each name stands for; names stay.
WHY = {
    "identity-beyond-the-table": "Who is no role of the table has nothing to do here: what they "
    "may do is in nobody's account of who can open what.",
    "role-beyond-the-table": "The separation of roles is only what their policies leave of it.",
    "bucket-policy-beyond-the-table": "Who is named in a bucket's policy gets in past the role "
    "table, from other accounts too.",
    "key-policy-beyond-the-table": "A key's policy gives its use by itself: whoever it names opens "
    "what the key protects.",
    "key-left-to-iam": "With the whole account named, any IAM policy in it gives the use of the "
    "key.",
    "key-granted-beyond-the-table": "A grant gives the use of a key past its policy, and is in no "
    "policy's text.",
    "topic-policy-beyond-the-account": "Who may subscribe learns who reads what; who may publish "
    "raises false alarms until nobody listens.",
    "trust-beyond-the-table": "Whoever may take a role on has all that it has.",
    "trust-names-nobody": "A right of somebody who is gone waits for whoever gets that name next.",
    "several-roles-in-one-hand": "The table keeps roles apart, not people: who holds two of them "
    "has what no role has.",
    "access-key-to-end": "An access key works until somebody ends it, from anywhere, whoever has a "
    "copy; a role's session ends by itself.",
    "role-not-used": "A right that nobody uses is missed by nobody but a thief.",
    "requester-unexplained": "The trail shows reads by somebody who is not there: gone, or never "
    "known.",
    "reader-beyond-the-table": "The table lets data scientists alone open features.",
    "approval-to-end": "An approval that is not needed is a quota that does not hold.",
    "open-to-others": "Other users of the machine get at what lies there.",
    "open-to-a-group": "Whoever is in the group, or is put into it, gets at what lies there.",
    "open-by-acl": "An access list gives what the mode does not show.",
    "of-another-owner": "Its owner can give it to anybody, whatever the mode says.",
    "key-file-lying-about": "A copy of a key file opens what the vault held when it was made, and "
    "is under no rotation.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that should end, named whole: who, what, where, by which right, and how."""

    name: str
    severity: Severity
    who: str
    what: str  # one sentence
    right: str  # the right of the table that it should be, or that there is none
    fix: str  # one command; or words behind a #, where none would do
    at: str = ""  # the policy, key, file or grant that it is about
    pairs: tuple[tuple[str, str], ...] = ()  # (action, resource), as the policy has them

    @property
    def why(self) -> str:
        """Why it matters."""
        return WHY[self.name]

    @property
    def identity(self) -> str:
        """The same for the same thing found again, as long as it gives no more: for `--keep`."""
        pairs = "\n".join(f"{action} {resource}" for action, resource in sorted(self.pairs))
        text = f"unvoiced review finding\n{self.name}\n{self.who}\n{self.at}\n{pairs}"
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    def as_json(self) -> dict[str, object]:
        """For the report."""
        return {
            "id": self.identity,
            "name": self.name,
            "severity": self.severity.value,
            "who": self.who,
            "what": self.what,
            "why": self.why,
            "right": self.right,
            "fix": self.fix,
            "at": self.at,
            "pairs": [list(pair) for pair in self.pairs],
        }


@dataclass(frozen=True)
class Gap:
    """What could not be decided: never a pass."""

    what: str
    why: str
    command: str = ""


_ORDER = list(Severity)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first, then by name and whom; each once."""
    return tuple(
        sorted(
            set(findings), key=lambda one: (_ORDER.index(one.severity), one.name, one.who, one.what)
        )
    )
