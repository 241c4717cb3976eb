"""What the pages of one day name, up to one of them, and which page follows on them. No I/O.

Who ties and who verifies go by the same: a page says what the pages before it were, so that a page
that was taken out, put in or made twice shows in the next one.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from unvoiced.audit.page import Named, Page, digest_of_names
from unvoiced.audit.record import rfc3339_milliseconds


class Known:
    """The records that the pages of a day name; the first page that names one holds."""

    def __init__(self) -> None:
        self.records: dict[str, Named] = {}
        self.whole = False
        self.last: str | None = None  # SHA-256 of the last page
        self.next = 0  # number of the page after it

    def counts(self, more: Iterable[Named] = ()) -> tuple[int, str]:
        """How many records these are, with some more, and the digest of their names."""
        names = {*self.records, *(one.name for one in more)}
        return len(names), digest_of_names(names)

    def is_followed_by(self, page: Page) -> bool:
        """Whether a page is one that follows on these: it names nothing that is named already."""
        return (
            page.previous == self.last
            and page.number >= self.next
            and page.whole >= self.whole
            and not any(one.name in self.records for one in page.records)
            and (page.named, page.names) == self.counts(page.records)
        )

    def take(self, page: Page, digest: str) -> None:
        """Go on to a page that the log has."""
        for one in page.records:
            self.records.setdefault(one.name, one)
        self.whole, self.last, self.next = page.whole, digest, page.number + 1

    def following(self, day: str, records: Sequence[Named], *, whole: bool, time: datetime) -> Page:
        """The page that names these next."""
        named, names = self.counts(records)
        return Page(
            day=day,
            number=self.next,
            previous=self.last,
            time=rfc3339_milliseconds(time),
            whole=whole or self.whole,
            named=named,
            names=names,
            records=tuple(records),
        )
