"""Dataset and charts of patients."""

from __future__ import annotations

from portal.dashboards.expressions import or_not_recorded
from portal.dashboards.query_builder import NOT_RECORDED, Chart, Dataset, Dimension, Measure

SEXES = {"F": "Female", "M": "Male", "X": "Non-binary", "U": "Unknown"}

LANGUAGES = {
    "ar": "Arabic", "ase": "American Sign Language", "bn": "Bengali", "de": "German", "en": "English",
    "es": "Spanish", "fa": "Persian", "fr": "French", "gu": "Gujarati", "hi": "Hindi", "ht": "Haitian Creole",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese",
    "ru": "Russian", "so": "Somali", "ta": "Tamil", "te": "Telugu", "tl": "Tagalog", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""English names of BCP 47 language tags (IANA Language Subtag Registry); other tags are shown as they are."""

_CHARLSON = (
    f"CASE WHEN f.charlson_index IS NULL THEN '{NOT_RECORDED}' WHEN f.charlson_index >= 5 THEN '5 and more' "
    "ELSE CAST(f.charlson_index AS varchar) END"
)

PATIENTS = Dataset(
    name="patients",
    noun="patients",
    source="(SELECT * FROM {dim_patient} WHERE is_current AND patient_key <> -1)",
    dimensions=(
        Dimension("sex", "Sex", or_not_recorded("f.sex"), filter="listed", value_labels=SEXES),
        Dimension("state", "State", or_not_recorded("f.state"), filter="listed"),
        Dimension("payer", "Payer", or_not_recorded("f.payer"), filter="listed"),
        Dimension("age_band", "Age", or_not_recorded("f.age_band"), filter="clicked"),
        Dimension("zip3", "ZIP code, first three digits", or_not_recorded("f.zip3"), filter="clicked"),
        Dimension("comorbidity", "Charlson index", _CHARLSON, filter="clicked"),
        Dimension("race", "Race", or_not_recorded("f.race"), filter="clicked"),
        Dimension(
            "language", "Language", or_not_recorded("f.language"), filter="clicked", value_labels=LANGUAGES
        ),
    ),
    fields={
        "charlson": "f.charlson_index",
        "is_deceased": "f.is_deceased",
        "version": "f.version",
    },
    rows=("age_band", "sex", "race", "language", "state", "zip3", "payer", "is_deceased"),
)

_PEOPLE = {"patients": Measure("count(*)", "Patients")}

PATIENT_CHARTS = (
    Chart(
        "cohort",
        "Patients by age and sex",
        "pyramid",
        PATIENTS,
        ("age_band", "sex"),
        _PEOPLE,
        click=("age_band",),
        measure="patients",
    ),
    Chart(
        "patients-by-payer",
        "Patients by payer",
        "ranking",
        PATIENTS,
        ("payer",),
        _PEOPLE,
        click=("payer",),
        measure="patients",
    ),
    Chart(
        "patients-by-state",
        "Patients by state",
        "ranking",
        PATIENTS,
        ("state",),
        _PEOPLE,
        click=("state",),
        measure="patients",
    ),
    Chart(
        "patients-by-zip3",
        "Patients by 3-digit ZIP code",
        "ranking",
        PATIENTS,
        ("zip3",),
        _PEOPLE,
        click=("zip3",),
        note="000 stands for all areas with 20,000 or fewer people (Safe Harbor).",
        measure="patients",
    ),
    Chart(
        "patients-by-race",
        "Patients by race (as recorded)",
        "ranking",
        PATIENTS,
        ("race",),
        _PEOPLE,
        click=("race",),
        measure="patients",
    ),
    Chart(
        "patients-by-language",
        "Patients by preferred language",
        "ranking",
        PATIENTS,
        ("language",),
        _PEOPLE,
        click=("language",),
        measure="patients",
    ),
    Chart(
        "patients-by-comorbidity",
        "Patients by comorbidity",
        "ranking",
        PATIENTS,
        ("comorbidity",),
        _PEOPLE,
        click=("comorbidity",),
        note="Charlson index without points for age, from all ICD-10 diagnoses of the release.",
        needs="charlson",
        exact_only=True,
        measure="comorbidity",
    ),
)
