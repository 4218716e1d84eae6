"""Catalog of the kinds of seeded defects, each with the rule that must catch it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.data_generator import BadOptions, Options
from pipeline.data_generator.defects import changes
from pipeline.data_generator.defects.changes import Change

_TABLE_OF_PREFIX = {"PAT": "patients", "ENC": "encounters", "MED": "medications"}


@dataclass(frozen=True)
class Kind:
    """One kind of defect.

    `rule_ids` are the rules that catch it, separated by spaces, at most one per table. With `inserts`, the
    changed row follows the unchanged one; with `shifts`, an extra empty field shifts the columns.
    """

    name: str
    label: str
    rule_ids: str
    change: Change
    inserts: bool = False
    shifts: bool = False

    @property
    def rules(self) -> dict[str, str]:
        """The rule that catches the defect, by table."""
        return {_TABLE_OF_PREFIX[rule_id[:3]]: rule_id for rule_id in self.rule_ids.split()}


KINDS = (
    Kind("duplicate_row", "A duplicate row", "PAT-P01 ENC-P01 MED-P01", changes.unchanged, inserts=True),
    Kind(
        "duplicate_key",
        "Same key and timestamp, different content",
        "PAT-P02 ENC-P02 MED-P02",
        changes.changed_content,
        inserts=True,
    ),
    Kind("missing_key", "A row without its identifier", "PAT-M01 ENC-M01 MED-M01", changes.missing_key),
    Kind(
        "missing_birth_date",
        "A patient without a date of birth",
        "PAT-M02",
        changes.replace("birth_date", None),
    ),
    Kind(
        "orphan_reference",
        "A reference to a missing patient or encounter",
        "ENC-C06 MED-C06",
        changes.first_possible(
            changes.replace("encounter_id", changes.missing_reference),
            changes.replace("patient_id", "P99999999"),
        ),
    ),
    Kind("swapped_dates", "Admission and discharge swapped", "ENC-P03", changes.swap_dates),
    Kind("future_date", "A date in the future", "PAT-P03 ENC-P18 MED-P09", changes.future_date),
    Kind(
        "impossible_age",
        "A 230-year-old patient",
        "PAT-P03",
        changes.replace("birth_date", changes.in_18th_century),
    ),
    Kind("death_before_birth", "Death before birth", "PAT-P04", changes.death_before_birth),
    Kind(
        "wrong_code_format",
        "A code in the wrong format",
        "ENC-C03 MED-C02",
        changes.first_possible(
            changes.replace("diagnosis_code", "401.9"),
            changes.replace("medication_code", changes.prefixed_code),
        ),
    ),
    Kind("wrong_unit", "The wrong dose unit", "MED-P05", changes.wrong_unit),
    Kind("decimal_slip", "A dose ten or a hundred times too high", "MED-P03", changes.decimal_slip),
    Kind("free_text_dose", "Text in the dose", "MED-C03", changes.replace("dose", "one tablet")),
    Kind(
        "encoding_damage",
        "Text garbled by a wrong encoding",
        "PAT-C05",
        changes.replace("last_name", changes.garbled_name),
    ),
    Kind(
        "whitespace_and_case",
        "A name in capitals with extra spaces",
        "PAT-C05",
        changes.replace("last_name", changes.capitals_and_spaces),
    ),
    Kind(
        "shifted_columns",
        "Columns shifted by an extra field",
        "PAT-C06 ENC-C08 MED-C08",
        changes.unchanged,
        shifts=True,
    ),
    Kind("mixed_date_format", "A date in US format", "PAT-C01 ENC-C01 MED-C01", changes.date_format),
    Kind("test_patient", "A test patient", "PAT-P05", changes.replace("last_name", "ZZZTEST")),
    Kind("wrong_sex_code", "An invalid sex code", "PAT-C02", changes.replace("sex", "9")),
    Kind(
        "wrong_state",
        "A state that does not match the ZIP code",
        "PAT-C04",
        changes.replace("state", changes.wrong_state),
    ),
    Kind("shared_mrn", "One medical record number for two patients", "PAT-P09", changes.shared_mrn),
    Kind("wrong_class", "An unknown encounter class", "ENC-C02", changes.replace("encounter_class", "AMBU")),
    Kind(
        "out_of_range_cost",
        "A negative cost",
        "ENC-P10",
        changes.replace("total_cost", changes.negative_cost),
    ),
    Kind(
        "cost_in_words",
        "A cost that is not a number",
        "ENC-C07",
        changes.replace("total_cost", "to be billed"),
    ),
    Kind(
        "wrong_npi",
        "An NPI with a wrong check digit",
        "ENC-C05",
        changes.replace("provider_npi", changes.wrong_check_digit),
    ),
    Kind(
        "deceased_then_seen", "An encounter weeks after the patient's death", "ENC-P05", changes.after_death
    ),
    Kind("missing_time", "A completed administration without a time", "MED-M02", changes.missing_time),
    Kind("wrong_route", "A route that does not fit the dose form", "MED-P11", changes.wrong_route),
    Kind("unknown_route", "An unknown route code", "MED-C04", changes.replace("route", "BY HAND")),
    Kind("unknown_status", "An unknown status code", "MED-C05", changes.replace("status", "GIVEN?")),
    Kind("wrong_patient", "An administration charted on another patient", "MED-C07", changes.wrong_patient),
    Kind(
        "outside_encounter",
        "An administration a year before its encounter",
        "MED-P06",
        changes.year_before_encounter,
    ),
)


def chosen(options: Options) -> tuple[Kind, ...]:
    """Return the kinds of defects that the options name, all if they name none.

    Raise `BadOptions` for an unknown kind.
    """
    known = {kind.name: kind for kind in KINDS}
    unknown = [name for name in options.defects if name not in known]
    if unknown:
        raise BadOptions(f"Unknown kind of defect '{unknown[0]}'. Choose from {', '.join(known)}.")
    return tuple(known[name] for name in options.defects) or KINDS
