"""The questions behind the charts of the two facts: each one aggregated statement over one release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from portal.services.aws import Aws
from portal.services.warehouse import table


@dataclass(frozen=True)
class Filters:
    """What is looked at; an empty selection is everything."""

    start: date | None = None
    end: date | None = None
    classes: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    therapeutic_classes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()

    def where(self, moment: str) -> str:
        parts = []
        if self.start:
            parts.append(f"{moment} >= TIMESTAMP '{self.start} 00:00:00'")
        if self.end:
            parts.append(f"{moment} < TIMESTAMP '{self.end} 00:00:00' + INTERVAL '1' DAY")
        for column, values in (
            ("encounter_class", self.classes),
            ("department", self.departments),
            ("route", self.routes),
            ("therapeutic_class", self.therapeutic_classes),
            ("status", self.statuses),
        ):
            if values:
                parts.append(f"{column} IN ({', '.join(literal(value) for value in values)})")
        return f"WHERE {' AND '.join(parts)}" if parts else ""

    def words(self) -> str:
        """The filters as they stand in an export's first lines."""
        chosen = [self.classes, self.departments, self.routes, self.therapeutic_classes, self.statuses]
        listed = [", ".join(values) for values in chosen if values]
        period = f"{self.start or 'the beginning'} to {self.end or 'the end'}"
        return "; ".join([period, *listed])


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True)
class Facts:
    """The statements over one release."""

    aws: Aws
    release_id: str

    def _table(self, name: str) -> str:
        return table(self.aws, name, self.release_id)

    # encounters

    def _encounters(self, filters: Filters) -> str:
        return f"{self._table('fact_encounter')} f {filters.where('f.admitted_at')}"

    def encounter_choices(self) -> str:
        return (
            "SELECT min(admitted_at) AS first, max(admitted_at) AS last, "
            "array_join(array_agg(DISTINCT encounter_class), '|') AS classes, "
            f"array_join(array_agg(DISTINCT department), '|') AS departments FROM {self._table('fact_encounter')} f"
        )

    def encounter_figures(self, filters: Filters) -> str:
        return (
            "SELECT count(*) AS encounters, count(DISTINCT patient_key) AS patients, sum(total_cost) AS cost, "
            "approx_percentile(CASE WHEN encounter_class IN ('IMP', 'ACUTE') THEN length_of_stay_hours END, 0.5) / 24 AS stay_days, "
            "count(is_readmitted_30d) AS index_stays, "
            "sum(CASE WHEN is_readmitted_30d THEN 1 ELSE 0 END) AS readmitted "
            f"FROM {self._encounters(filters)}"
        )

    def encounters_by_month(self, filters: Filters) -> str:
        return (
            "SELECT date_format(admitted_at, '%Y-%m') AS month, encounter_class, count(*) AS encounters, sum(total_cost) AS cost "
            f"FROM {self._encounters(filters)} GROUP BY 1, 2 ORDER BY 1, 2"
        )

    def encounters_by_department(self, filters: Filters) -> str:
        return (
            "SELECT coalesce(department, 'Not recorded') AS department, count(*) AS encounters "
            f"FROM {self._encounters(filters)} GROUP BY 1 ORDER BY 2 DESC"
        )

    def encounters_by_diagnosis(self, filters: Filters) -> str:
        inner = f"(SELECT diagnosis_key FROM {self._encounters(filters)})"
        return (
            "SELECT coalesce(d.icd10_chapter_title, d.diagnosis_description) AS chapter, count(*) AS encounters "
            f"FROM {inner} f JOIN {self._table('dim_diagnosis')} d ON f.diagnosis_key = d.diagnosis_key "
            "GROUP BY 1 ORDER BY 2 DESC"
        )

    def arrivals_by_hour(self, filters: Filters) -> str:
        return (
            "SELECT day_of_week(admitted_at) AS weekday, admitted_hour AS hour, count(*) AS encounters "
            f"FROM {self._encounters(filters)} GROUP BY 1, 2"
        )

    def stay_distribution(self, filters: Filters) -> str:
        source = self._encounters(filters)
        joined = "AND" if "WHERE" in source.rpartition(" f ")[2] else "WHERE"
        return (
            "SELECT least(length_of_stay_days, 30) AS days, encounter_class, count(*) AS encounters "
            f"FROM {source} {joined} length_of_stay_days IS NOT NULL AND encounter_class IN ('IMP', 'ACUTE', 'OBSENC', 'EMER') "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )

    # medication administrations

    def _administrations(self, filters: Filters) -> str:
        columns = (
            "f.*, d.medication_name, coalesce(d.therapeutic_class, 'Not classified') AS therapeutic_class"
        )
        inner = (
            f"SELECT {columns} FROM {self._table('fact_medication_admin')} f "
            f"JOIN {self._table('dim_medication')} d ON f.medication_key = d.medication_key"
        )
        return f"({inner}) a {filters.where('coalesce(administered_at, ordered_at)')}"

    def administration_choices(self) -> str:
        return (
            "SELECT min(ordered_at) AS first, max(coalesce(administered_at, ordered_at)) AS last, "
            "array_join(array_agg(DISTINCT route), '|') AS routes, array_join(array_agg(DISTINCT status), '|') AS statuses, "
            f"array_join(array_agg(DISTINCT therapeutic_class), '|') AS therapeutic_classes FROM {self._administrations(Filters())}"
        )

    def administration_figures(self, filters: Filters) -> str:
        return (
            "SELECT count(*) AS administrations, count(DISTINCT patient_key) AS patients, "
            "count(DISTINCT medication_key) AS medications, "
            "sum(CASE WHEN status = 'not-done' THEN 1 ELSE 0 END) AS not_given, "
            "approx_percentile(minutes_from_order, 0.5) AS minutes_from_order "
            f"FROM {self._administrations(filters)}"
        )

    def administrations_by_month(self, filters: Filters) -> str:
        return (
            "SELECT date_format(coalesce(administered_at, ordered_at), '%Y-%m') AS month, "
            "coalesce(route, 'Not recorded') AS route, count(*) AS administrations "
            f"FROM {self._administrations(filters)} GROUP BY 1, 2 ORDER BY 1, 2"
        )

    def by_therapeutic_class(self, filters: Filters) -> str:
        return (
            "SELECT therapeutic_class, count(*) AS administrations "
            f"FROM {self._administrations(filters)} GROUP BY 1 ORDER BY 2 DESC"
        )

    def by_medication(self, filters: Filters) -> str:
        return (
            "SELECT medication_name, count(*) AS administrations "
            f"FROM {self._administrations(filters)} GROUP BY 1 ORDER BY 2 DESC"
        )

    def by_status(self, filters: Filters) -> str:
        return f"SELECT status, count(*) AS administrations FROM {self._administrations(filters)} GROUP BY 1 ORDER BY 2 DESC"

    def administrations_by_hour(self, filters: Filters) -> str:
        source = self._administrations(filters)
        joined = "AND" if filters != Filters() and filters.where("x") else "WHERE"
        return (
            "SELECT day_of_week(administered_at) AS weekday, administered_hour AS hour, count(*) AS administrations "
            f"FROM {source} {joined} administered_at IS NOT NULL GROUP BY 1, 2"
        )


def rows(values: str | None) -> Sequence[str]:
    """The distinct values that a `choices` statement lists, sorted."""
    return sorted(value for value in (values or "").split("|") if value)
