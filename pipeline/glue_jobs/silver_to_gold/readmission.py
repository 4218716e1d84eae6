"""30-day readmission after CMS's Hospital-Wide All-Cause Readmission measure.

https://qualitynet.cms.gov/inpatient/measures/readmission/methodology: index stays are inpatient stays
whose patient is discharged alive. Stays that follow without a gap (transfers) form one episode; an open stay
overlaps all later ones. Any inpatient admission 1 to 30 days after the episode's discharge is a readmission.
Unlike CMS, planned readmissions are included: identifying them takes procedures, which no source has.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

INPATIENT = ("IMP", "ACUTE")
DAYS = 30

_STILL_OPEN = "9000-01-01"
"""Discharge date that is assumed for an open stay."""

READMITTED, NOT_READMITTED, WINDOW_OPEN = "readmitted", "not readmitted", "window open"
DIED, IN_HOSPITAL, NOT_INDEX = "died", "in hospital", "not an index stay"
"""Values of `readmission_status`; only the first two have a value of `is_readmitted_30d`."""


def with_readmission(stays: DataFrame) -> DataFrame:
    """Return `stays` with `is_readmitted_30d` and `readmission_status`.

    `stays` has encounter_id, patient_id, encounter_class, local_date (of admission), discharged_local_date
    (NULL for an open stay), discharge_disposition, death_date and last_local_date (of the release's newest
    admission).
    """
    narrow = stays.where(F.col("encounter_class").isin(*INPATIENT) & F.col("patient_id").isNotNull()).select(
        "encounter_id",
        "patient_id",
        "local_date",
        "discharged_local_date",
        _died().alias("_died"),
        F.col("discharged_local_date").isNull().alias("_is_open"),
        "last_local_date",
    )
    episodes = _episodes(narrow)
    status = _status(episodes).select("patient_id", "_episode", "readmission_status")
    of_stay = (
        _numbered(narrow)
        .join(status, ["patient_id", "_episode"])
        .select("encounter_id", "readmission_status")
    )
    joined = stays.join(of_stay, "encounter_id", "left")
    known = F.coalesce("readmission_status", F.lit(NOT_INDEX))
    is_readmitted = F.when(known == READMITTED, True).when(known == NOT_READMITTED, False)
    return joined.withColumns({"readmission_status": known, "is_readmitted_30d": is_readmitted})


def _died() -> Column:
    expired = F.coalesce(F.lower("discharge_disposition") == "expired", F.lit(False))
    return expired | F.coalesce(F.col("death_date") <= F.col("discharged_local_date"), F.lit(False))


def _numbered(stays: DataFrame) -> DataFrame:
    """Return inpatient stays with `_episode`, the number of the patient's episode.

    A stay that begins after the days of all earlier discharges starts a new episode.
    """
    in_order = Window.partitionBy("patient_id").orderBy("local_date", "encounter_id")
    before = in_order.rowsBetween(Window.unboundedPreceding, -1)
    end = F.coalesce("discharged_local_date", F.lit(_STILL_OPEN).cast("date"))
    begins = F.col("local_date") > F.max("_end").over(before)
    starts = stays.withColumn("_end", end).withColumn("_begins", F.coalesce(begins, F.lit(True)).cast("int"))
    return starts.withColumn(
        "_episode", F.sum("_begins").over(in_order.rowsBetween(Window.unboundedPreceding, 0))
    )


def _episodes(stays: DataFrame) -> DataFrame:
    """Return one row per episode: first date, discharge, and first date of the patient's next episode."""
    episodes = (
        _numbered(stays)
        .groupBy("patient_id", "_episode")
        .agg(
            F.min("local_date").alias("_first"),
            F.max("_end").alias("_last"),
            F.max(F.col("_is_open").cast("int")).alias("_is_open"),
            F.max(F.col("_died").cast("int")).alias("_died"),
            F.max("last_local_date").alias("last_local_date"),
        )
    )
    following = F.lead("_first").over(Window.partitionBy("patient_id").orderBy("_episode"))
    return episodes.withColumn("_next", following)


def _status(episodes: DataFrame) -> DataFrame:
    days = F.datediff("_next", "_last")
    open_days = F.datediff("last_local_date", "_last")
    status = (
        F.when(F.col("_died") == 1, DIED)
        .when(F.col("_is_open") == 1, IN_HOSPITAL)
        .when(days.between(1, DAYS), READMITTED)
        .when(open_days <= DAYS, WINDOW_OPEN)
        .otherwise(NOT_READMITTED)
    )
    return episodes.withColumn("readmission_status", status)
