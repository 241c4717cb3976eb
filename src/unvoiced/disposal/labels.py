"""The labels of an archived original: what tells it to those who may not read its bytes.

The digest of the sealed bytes, the keyed tag of what was recorded, and a signature of the log's key
that ties both to the object's name. Digests stand in the log and tags in the headers of features,
for everyone to paste: without a good signature for that very name a label says nothing.

Labels can be copied, or taken off, by whoever may label there, only under the name they are for. So
the end of one version shows that an original is gone only when no other under its name may be it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from unvoiced.errors import VerificationError
from unvoiced.log.note import Signer, Verifier
from unvoiced.log.statement import check_apart, sign_apart
from unvoiced.stores.interface import Entry, Keeping
from unvoiced.stores.object_name import is_object_name

DIGEST_LABEL, CONTENT_LABEL, SIGNATURE_LABEL = "sha256", "content", "signature"
_TITLE = "unvoiced archive label v1"


@dataclass(frozen=True)
class Labels:
    """What genuine labels say."""

    sha256: str
    content: str


def signed_labels(name: str, labels: Labels, signer: Signer) -> dict[str, str]:
    """The labels to put an original with under this name; one signature of the log's key."""
    signature = sign_apart(_TITLE, _body(name, labels), signer)
    return {
        DIGEST_LABEL: labels.sha256,
        CONTENT_LABEL: labels.content,
        SIGNATURE_LABEL: signature,
    }


def genuine_labels(name: str, kept: Keeping, verifier: Verifier) -> Labels | None:
    """What the labels under this name say; None unless the log's key signed them for it."""
    labels = Labels(kept.labels.get(DIGEST_LABEL, ""), kept.labels.get(CONTENT_LABEL, ""))
    if not is_object_name(name):
        return None
    try:
        check_apart(_TITLE, _body(name, labels), kept.labels.get(SIGNATURE_LABEL, ""), verifier)
    except VerificationError:
        return None
    return labels


def may_stand(
    name: str,
    digest: str,
    listed: Iterable[Entry],
    keeping: Callable[[str, str], Keeping | None],
    verifier: Verifier,
) -> bool:
    """Whether any version listed under this name may be the original of this digest.

    It may unless genuine labels say that it is another: what is not labelled can be the same bytes.
    """
    for entry in listed:
        if entry.name != name or entry.delete_marker:
            continue
        kept = keeping(name, entry.version)
        if kept is None:
            continue
        labels = genuine_labels(name, kept, verifier)
        if labels is None or labels.sha256 == digest:
            return True
    return False


def _body(name: str, labels: Labels) -> Mapping[str, str]:
    return {"name": name, "sha256": labels.sha256, "content": labels.content}
