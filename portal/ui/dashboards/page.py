"""The settings of a dashboard that its charts share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from portal.dashboards.query_builder import Filters
from portal.ui import sharing
from portal.ui.dashboards.figures import PREVIOUS_RELEASE


@dataclass(frozen=True)
class Page:
    """Settings that all charts of a dashboard share.

    `previous` is the release to compare with, if any; `previous_filters` are those of the previous period.
    `is_exact` means that the user sees exact counts, `is_safe` that downloads suppress small counts. `first`
    and `last` are the first and the last date of the data.
    """

    filters: Filters
    release_id: str
    previous: str | None = None
    is_exact: bool = True
    is_synthetic: bool = False
    is_safe: bool = True
    first: date | None = None
    last: date | None = None
    previous_filters: Filters | None = None

    def compared_with(self, filters: Filters) -> Page:
        """Return the page compared with the same release under other filters."""
        return replace(self, previous=self.release_id, previous_filters=filters)

    @property
    def before(self) -> Page | None:
        """The page to compare with, None if nothing is compared."""
        if self.previous is None:
            return None
        filters = self.previous_filters or self.filters
        return replace(self, release_id=self.previous, filters=filters, previous=None, previous_filters=None)

    @property
    def before_name(self) -> str:
        """What the page is compared with, as in legends."""
        return "Previous period" if self.previous_filters else PREVIOUS_RELEASE

    @property
    def shared(self) -> Filters:
        """Return the filters for suppressed views, without a start or end that excludes no data."""
        filters = self.filters
        start = filters.start if filters.start and self.first and filters.start > self.first else None
        end = filters.end if filters.end and self.last and filters.end < self.last else None
        return replace(filters, start=start, end=end) if self.is_exact else filters

    @property
    def small_counts(self) -> str:
        """Return the note on small counts in exports."""
        return sharing.small_counts_note(self.is_safe, self.is_synthetic)
