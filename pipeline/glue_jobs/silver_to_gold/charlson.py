"""The Charlson comorbidity index of patients, from the ICD-10 codes of their diagnoses.

Codes: Quan H et al., Med Care 2005;43(11):1130-9, table 1, column ICD-10
(https://pubmed.ncbi.nlm.nih.gov/16224307/). Weights: Charlson ME et al., J Chronic Dis 1987;40(5):373-83
(https://pubmed.ncbi.nlm.nih.gov/3558716/), without points for age. Of two grades of one disease only the
severe one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.reference import Comorbidity, charlson

ICD_10 = ("ICD-10-CM", "ICD-10", "ICD-10-GM")
"""Code systems whose codes the index reads; a patient without such a code has no index."""


def index(encounters: DataFrame, diagnoses: DataFrame) -> DataFrame:
    """Return `patient_id` and `charlson_index` of patients with an ICD-10 diagnosis, however long ago.

    A diagnosis that names another patient than its encounter does not count: a rule will refuse it.
    """
    columns = ("patient_id", "diagnosis_code_system", "diagnosis_code")
    coded = (
        encounters.select(*columns)
        .unionByName(_of_their_patient(diagnoses, encounters).select(*columns))
        .where(F.col("diagnosis_code_system").isin(*ICD_10) & F.col("diagnosis_code").isNotNull())
        .select("patient_id", F.replace("diagnosis_code", F.lit("."), F.lit("")).alias("_code"))
        .where("patient_id is not null")
        .distinct()
    )
    prefixes = F.explode(F.array(F.left("_code", F.lit(3)), F.left("_code", F.lit(4)))).alias("_prefix")
    listed = frames.of(
        encounters.sparkSession,
        [{"_prefix": prefix, "_condition": each.name} for each in charlson() for prefix in _prefixes(each)],
        "_prefix string, _condition string",
    )
    found = coded.select("patient_id", prefixes).join(F.broadcast(listed), "_prefix", "left")
    by_patient = found.groupBy("patient_id").agg(F.collect_set("_condition").alias("_conditions"))
    points = reduce(add, [_points(each) for each in charlson()])
    return by_patient.select("patient_id", points.cast("int").alias("charlson_index"))


def _of_their_patient(diagnoses: DataFrame, encounters: DataFrame) -> DataFrame:
    owners = encounters.where("patient_id is not null").select(
        F.col("encounter_id").alias("_encounter"), F.col("patient_id").alias("_owner")
    )
    others = (F.col("encounter_id") == F.col("_encounter")) & (F.col("patient_id") != F.col("_owner"))
    return diagnoses.join(owners, others, "left_anti")


def _points(comorbidity: Comorbidity) -> Column:
    """Return the points of one condition: none if the patient has its severe grade."""
    counts = F.array_contains("_conditions", comorbidity.name)
    if comorbidity.replaced_by:
        counts = counts & ~F.array_contains("_conditions", comorbidity.replaced_by)
    return F.when(counts, comorbidity.weight).otherwise(0)


def _prefixes(comorbidity: Comorbidity) -> Iterator[str]:
    """Yield the first three or four characters of the codes of a condition; a range ends in two digits."""
    for codes in comorbidity.codes:
        first, _, last = codes.partition("-")
        stem = len(first) - (2 if len(first) == 3 else 1)
        for number in range(int(first[stem:]), int((last or first)[stem:]) + 1):
            yield f"{first[:stem]}{number:0{len(first) - stem}d}"
