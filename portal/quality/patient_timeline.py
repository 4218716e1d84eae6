"""The other records of a failing record's patient over time, without identifiers and dates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.lake.uris import Lake
from portal.athena import client as athena_client
from portal.athena.literals import literal
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.quality import failing_sql
from portal.quality import results as quality
from portal.quality.rule_texts import rules

if TYPE_CHECKING:
    import pandas as pd  # takes a second to import, so functions that need it import it

MOST_ROWS = 500
_TIMES = ("admitted_at", "administered_at", "ordered_at", "due_at", "discharged_at", "updated_at")


@requires("see_phi")
def of_record(context: Context, run_id: str, table: str, rule_id: str, position: int) -> pd.DataFrame:
    """Return the loaded encounters and medications of the patient of a failing record, the oldest first.

    Times are days from the failing record, so that no date is shown; empty if its time cannot be read. Raise
    `ServiceError` if the record does not name its patient.
    """
    rows = quality.identified_rows(context, run_id, table, rule_id)
    if not 0 <= position < len(rows):
        raise ServiceError(
            f"There is no record {position + 1} among the {len(rows)} failing rows of {rule_id}."
        )
    record = {str(name): value for name, value in rows.iloc[position].to_dict().items()}
    patient = record.get("patient_id")
    if not isinstance(patient, str) or not patient:
        raise ServiceError("This record does not name its patient, so there are no other records to show.")
    sql = _statement(context.lake, run_id, table, rule_id, record)
    database = context.lake.database("quality")
    found = athena_client.run_query(context.assume_review_role(), sql, database=database).frame
    return relative(found, _time(record))


def _statement(lake: Lake, run_id: str, table: str, rule_id: str, record: Mapping[str, Any]) -> str:
    """Return SQL for the loaded records of the patient of `record`: kind, time and what was recorded.

    The record is named by file and line, because Athena and CloudTrail keep the text of each statement.
    """
    silver = lake.database("silver")
    place = (
        f"source_file = {literal(str(record['source_file']))} AND source_line = {int(record['source_line'])}"
    )
    if failing_sql.is_quarantined(rules()[table, rule_id]):
        patient = f"""SELECT max(json_extract_scalar(raw, '$.patient_id'))
  FROM "{lake.database("quality")}"."quarantine_{table}" WHERE run_id = {literal(run_id)} AND {place}"""
    else:
        patient = f'SELECT max(patient_id) FROM "{silver}"."{table}" WHERE {place}'
    return f"""SELECT DISTINCT kind, at, class_or_drug, details, status FROM (
SELECT 'Encounter' AS kind, admitted_at AS at, encounter_class AS class_or_drug,
  concat_ws(' ', diagnosis_code, diagnosis_description) AS details, discharge_disposition AS status
FROM "{silver}"."encounters" WHERE patient_id = ({patient})
UNION ALL
SELECT event_kind AS kind, coalesce(administered_at, ordered_at) AS at, medication_name AS class_or_drug,
  concat_ws(' ', CAST(dose AS varchar), dose_unit, route) AS details, status
FROM "{silver}"."medications" WHERE patient_id = ({patient})
) ORDER BY at LIMIT {MOST_ROWS}"""


def relative(found: pd.DataFrame, at: Any) -> pd.DataFrame:
    """Return the records with their days from the timestamp `at` instead of their times."""
    import pandas as pd  # noqa: PLC0415

    times = pd.to_datetime(found["at"], utc=True, errors="coerce")
    days = (times - at).dt.total_seconds() / 86_400 if at is not None else pd.Series(index=found.index)
    shown = pd.DataFrame(
        {
            "Days from this record": [
                f"{each:+,.1f}".replace("-", "−") if pd.notna(each) else "" for each in days
            ],
            "Record": found["kind"].str.capitalize(),
            "Class or drug": found["class_or_drug"],
            "Details": found["details"],
            "Status": found["status"],
        }
    )
    return shown.reset_index(drop=True)


def _time(record: dict[str, Any]) -> Any:
    """Return the first time of a record that can be read; None if there is none."""
    import pandas as pd  # noqa: PLC0415

    for name in _TIMES:
        parsed = pd.to_datetime(str(record.get(name)), utc=True, errors="coerce")
        if pd.notna(parsed):
            return parsed
    return None
