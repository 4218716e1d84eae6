"""Inputs that failed once, and similar ones, through the real import and jobs, with expected results."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import pytest

from portal.batches import retirement
from portal.core.errors import ServiceError
from portal.releases import service as releases
from portal.runs import failures
from portal.runs import service as runs
from tests.support.gold_by_key import found
from tests.support.own_lake import own_lake

pytestmark = pytest.mark.integration

PATIENT = {"patient_id": "", "mrn": "", "birth_date": "1970-05-05", "sex": "F", "last_name": "", "street": "",
           "payer": "",
           "state": "MA", "postal_code": "02115", "updated_at": "2024-01-01T00:00:00Z"}  # fmt: skip
STAY = {"encounter_id": "", "patient_id": "y1", "encounter_class": "AMB",
        "admitted_at": "2024-03-01T08:00:00Z",
        "discharged_at": "2024-03-01T09:00:00Z", "diagnosis_code": "I10",
        "diagnosis_code_system": "ICD-10-CM",
        "total_cost": "", "updated_at": "2024-03-04T00:00:00Z"}  # fmt: skip
DOSE = {"administration_id": "", "encounter_id": "y1e", "patient_id": "y1", "medication_code": "999999",
        "medication_code_system": "RxNorm", "medication_name": "", "dose": "5", "dose_unit": "mg",
        "route": "PO",
        "ordered_at": "", "administered_at": "2024-03-01T08:30:00Z", "status": "completed",
        "updated_at": "2024-03-04T00:00:00Z"}  # fmt: skip

PATIENTS = [
    {"patient_id": "y1", "street": "x" * 140_000},  # case 17: longer than Python's csv module takes
    {
        "patient_id": "y2",
        "birth_date": "unknown",
    },  # case 02: the birth date cannot be read, the patient is refused
    {"patient_id": "y3", "birth_date": "2000-02-29"},
    {"patient_id": "y4", "mrn": "\tNA\u00a0", "payer": " NULL ", "last_name": "Null"},  # case 08
    {"patient_id": "y5", "mrn": "#N/A", "payer": "?", "last_name": "NULLARBOR"},
    {"patient_id": "y6", "street": ("a long note\n" * 20_000) + 'with "quotes"'},  # case 17
]
STAYS = [
    {"encounter_id": "y1e"},
    {"encounter_id": "y2e", "patient_id": "y2"},
    {"encounter_id": "y3e", "patient_id": "y3", "admitted_at": "2024-02-28T20:00:00Z", "discharged_at": ""},
    {"encounter_id": "y7e", "patient_id": "y7"},  # case 02: a patient of whom nothing is known
    {"encounter_id": "y9a", "diagnosis_code": "t404x1a",
     "diagnosis_code_system": "urn:oid:2.16.840.1.113883.6.90"},
    {"encounter_id": "y9b", "diagnosis_code": "\u00a0T40.4X1A\t", "diagnosis_code_system": "ICD-10-CM\t"},
    {"encounter_id": "y9c", "diagnosis_code": "DM2", "diagnosis_code_system": "Meditech local"},
]  # fmt: skip
DOSES = [
    {"administration_id": "y10a", "dose_unit": "mcg"},
    {"administration_id": "y10b", "dose_unit": "units"},
    {"administration_id": "y10c", "dose": "2", "dose_unit": "Puffs"},
    {"administration_id": "y10d", "dose": "1", "dose_unit": "tablet"},
    {"administration_id": "y10e", "dose_unit": "mg/h"},  # a rate
    {"administration_id": "y10f", "dose": "1,000"},
    {"administration_id": "y6m", "encounter_id": "t2e9", "patient_id": "t3p",
     "administered_at": "2024-09-01T11:00:00Z"},
]  # fmt: skip


def _write(path, defaults, rows, **form):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(defaults), **form)
        writer.writeheader()
        writer.writerows({**defaults, **row} for row in rows)


def _further(folder):
    """Other inputs of the kinds of cases 02, 03, 06, 08, 09, 10, 11 and 17."""
    folder.mkdir()
    _write(folder / "patients.csv", PATIENT, PATIENTS, lineterminator="\r\n")
    with (folder / "patients.csv").open("a", newline="") as file:
        file.write("\r\n \t \r\n,,,,,,,,,\r\n\x1a")  # cases 03 and 11
    _write(folder / "encounters.csv", STAY, STAYS)
    with (folder / "encounters.csv").open("a", newline="") as file:
        file.write("TOTAL,,,,,,,0.00,\n\n(7 rows affected)\n")  # case 11
    _write(folder / "medications.csv", DOSE, DOSES, quoting=csv.QUOTE_ALL)
    text = (folder / "medications.csv").read_text()
    (folder / "medications.csv").write_text(
        f"Doses of March\n\n{text}"
    )  # cases 03 and 11: lines above the header
    return folder


LOADED = ("02", "03", "08", "09", "10", "11", "16")


@pytest.fixture(scope="module")
def made(shared, spark, tmp_path_factory):
    """Gold after the cases were imported and run, and again after the late extract of case 06."""
    cases = {path.name[:2]: path for path in (shared / "cases").iterdir() if path.is_dir()}
    with own_lake(tmp_path_factory.mktemp("lake") / "state") as lake:
        batches = {number: lake.load(cases[number]) for number in LOADED}
        batches["06"] = lake.load(cases["06"] / "T1")
        batches["12"] = lake.load(cases["12"], encoding="windows-1252")
        batches["further"] = lake.load(_further(tmp_path_factory.mktemp("files") / "further"))
        lake.run("run-one", auto_publish=False)
        before = found(*lake.frames(spark, "run-one"))
        late = lake.load(cases["06"] / "T2")
        every = [each.batch_id for each in (*batches.values(), late)]
        lake.run("run-two", batch_ids=every, auto_publish=False)
        after = found(*lake.frames(spark, "run-two"))
        yield SimpleNamespace(cases=cases, lake=lake, batches=batches, before=before, after=after)


@pytest.fixture(scope="module")
def sql(made):
    with made.lake.sql("run-one") as db:
        yield lambda query: db.execute(query).fetchall()


def test_02_an_age_is_empty_where_the_birth_date_is_missing(made):
    stays, _ = made.before
    ages = {key: (row["patient"] is not None, row["age_at_admission"]) for key, row in stays.items()}
    expected = {"z1e1": (False, None), "z1e2": (True, 53), "z1e3": (True, 53), "z1e4": (True, 28)}
    expected |= {"y2e": (False, None), "y3e": (True, 23), "y7e": (False, None)}
    assert {key: ages[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("case", "table", "account", "not_data"),
    [
        ("03", "patients", (2, 2, 0, 0), {"blank": 1}),
        ("11", "patients", (2, 2, 0, 0), {"comma_only": 3}),
        ("11", "encounters", (2, 2, 0, 0), {"footer": 1}),
        ("further", "patients", (6, 5, 1, 0), {"blank": 3, "comma_only": 1}),
        ("further", "encounters", (7, 7, 0, 0), {"blank": 1, "footer": 2}),
        ("further", "medications", (7, 5, 2, 0), {"title": 1, "blank": 1}),
    ],
)
def test_03_and_11_lines_that_are_not_data_are_counted_and_break_no_account(
    made, case, table, account, not_data
):
    batch = made.batches[case]
    assert made.lake.account("run-one")[batch.batch_id, table] == account
    assert made.lake.account("run-two")[batch.batch_id, table] == account
    (file,) = batch.tables[table]["files"]
    assert file["not_data"] == not_data


def test_06_facts_are_linked_once_their_references_have_arrived(made, sql):
    def patients(gold):
        return {key: row["patient"] and row["patient"][0] for table in gold for key, row in table.items()}

    early, late = patients(made.before), patients(made.after)
    expected = {"t1e1": None, "t1m1": None, "t1e2": "t2p", "t1m2": "t2p", "t1e4": "t4p", "y6m": None}
    assert {key: early[key] for key in expected} == expected
    assert {key: late[key] for key in expected} == expected | {"t1e1": "t1p", "t1m1": "t1p", "y6m": "t3p"}
    assert made.before[1]["y6m"]["encounter"] is None
    assert made.after[1]["y6m"]["encounter"] == "t2e9"
    ((unknown,),) = sql("SELECT failed FROM quality.results WHERE rule_id = 'ENC-C11'")
    lost = [key for key, row in made.before[0].items() if row["patient"] is None]
    assert unknown == len(lost) >= 3


def test_08_null_markers_are_empty_and_counted_by_column(sql):
    marked = "patient_id LIKE 'c17p%' OR patient_id IN ('y4', 'y5')"
    assert sql(f"SELECT count(*), count(mrn), count(payer) FROM silver.patients WHERE {marked}") == [
        (14, 0, 0)
    ]
    assert sql("SELECT last_name FROM silver.patients WHERE patient_id IN ('y4', 'y5') ORDER BY 1") == [
        ("NULLARBOR",), ("Null",)
    ]  # fmt: skip
    ((detail,),) = sql("SELECT detail FROM quality.results WHERE rule_id = 'PAT-C08'")
    assert "mrn 18" in detail, (
        "12 of case 08 and two more of its own, two of case 02, two of the further ones"
    )


def test_09_a_diagnosis_has_one_code_whatever_its_spelling(made, sql):
    stays, _ = made.before
    expected = dict.fromkeys(("c25e01", "c25e02", "c25e14", "c25e19", "c25e03", "c25e09", "c25e10"), "E11.9")
    expected |= {"c25e04": "250.00", "c25e05": "250.00", "c25e11": "44054006", "c25e12": "44054006"}
    expected |= {"y9a": "T40.4X1A", "y9b": "T40.4X1A", "y9c": "DM2"}
    assert {key: stays[key]["diagnosis"] for key in expected} == expected
    assert sql("""SELECT diagnosis_code_system, count(*) FROM gold.dim_diagnosis
        WHERE diagnosis_code IN ('E11.9', 'T40.4X1A', 'DM2') GROUP BY 1 ORDER BY 1 NULLS LAST""") == [
        ("ICD-10", 1), ("ICD-10-CM", 2), ("Meditech local", 1), (None, 1),
    ]  # fmt: skip


def test_10_units_are_mapped_and_rates_and_unreadable_doses_are_refused(sql):
    units = dict(
        sql("SELECT administration_id, dose_unit FROM silver.medications WHERE administration_id LIKE 'y10%'")
    )
    assert units == {"y10a": "ug", "y10b": "[iU]", "y10c": "[puff]", "y10d": "{tbl}"}
    refused = sql("SELECT record_key FROM quality.medications WHERE list_contains(rule_ids, 'MED-C03')")
    unreadable = {f"c26m{n:02}" for n in (4, 7, *range(10, 17))}
    assert {key for (key,) in refused} == unreadable | {"y10e", "y10f"}
    kept = dict(
        sql("SELECT administration_id, dose_unit FROM silver.medications WHERE administration_id LIKE 'c26%'")
    )
    assert kept == {"c26m01": "mg", "c26m09": "mg", "c26m17": None, "c26m18": "mg", "c26m21": "mg"}


def test_12_two_identifiers_of_a_windows_1252_file_stay_two(sql):
    people = sql("SELECT patient_id, last_name FROM silver.patients WHERE patient_id LIKE 'c35%' ORDER BY 1")
    assert people == [("c35Ä", "Lovelc35Ä"), ("c35Ö", "Lovelc35Ö")]


def test_16_readmissions_are_those_of_the_note(made):
    true, false = "readmitted", "not readmitted"
    expected = {
        "r1a": true, "r1b": true, "r1c": false, "r2a": true, "r2b": true, "r2c": false, "r3a": true,
        "r3b": false,
        "r4a": false, "r4b": false, "r5a": "died", "r6a": false, "r7a": false, "r8a": "window open",
        "r9a": "in hospital", "r10a": "not an index stay", "r10b": false, "r11a": true, "r11b": true,
        "r11c": false,
    }  # fmt: skip
    stays, _ = made.before
    assert {key: stays[key]["readmission_status"] for key in expected} == expected


def test_17_a_field_of_any_length_is_read(sql):
    lengths = sql(
        "SELECT patient_id, length(street) FROM silver.patients WHERE patient_id IN ('y1', 'y6') ORDER BY 1"
    )
    assert lengths == [("y1", 140_000), ("y6", 12 * 20_000 + 13)]


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        (
            "04",
            "line 102, column 14 (first_name): the quoted field that opens here contains line 103, "
            "which is a separate row",
        ),
        (
            "05",
            "line 2, column 14 (first_name): the quoted field that opens here is followed by text at line 3",
        ),
        ("12", "line 2: byte 0xC4 is not UTF-8"),
        ("12/35_latin1", "line 2: byte 0xFC is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_its_true_cause_and_no_batch_is_made(made, case, sentence):
    number, _, below = case.partition("/")
    before = len(made.lake.account("run-two"))
    with pytest.raises(ServiceError) as refused:
        made.lake.load(made.cases[number] / below)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(made.lake.account("run-two")) == before


def test_18_conditions_give_diagnoses_and_files_that_are_not_needed_are_named(made, shared, tmp_path):
    for name in ("patients", "encounters", "conditions", "allergies", "careplans", "devices", "procedures"):
        (tmp_path / f"{name}.csv").write_bytes(
            (shared / "data" / "synthea-export" / f"{name}.csv").read_bytes()
        )
    batch = made.lake.load(tmp_path)
    assert set(batch.tables) == {"patients", "encounters", "diagnoses"}
    assert {each["name"]: (each["use"], each["rows"]) for each in batch.files if each["use"] != "loaded"} == {
        "allergies.csv": ("not needed", 40),
        "careplans.csv": ("not needed", 49),
        "devices.csv": ("not needed", 3), "procedures.csv": ("not needed", 249),
    }  # fmt: skip


@pytest.mark.parametrize("damage", ["another file", "no file"])
def test_a_batch_that_cannot_be_processed_is_named_and_the_others_are_published_without_it(
    made, tmp_path, damage
):
    lake, names = made.lake, []
    for name in ("sound", "damaged"):
        (tmp_path / name).mkdir()
        _write(tmp_path / name / "patients.csv", PATIENT, [{"patient_id": f"{name} {damage}"}])
        names.append(lake.load(tmp_path / name).batch_id)
    (file,) = (lake.buckets / "hdp-bronze" / "patients" / f"batch_id={names[1]}").iterdir()
    file.unlink() if damage == "no file" else file.write_bytes(file.read_bytes().replace(b"1970", b"1971"))
    failed = runs.wait(lake.aws, runs.start(lake.aws, names).run_id, seconds=300)
    said = failures.explain(failed)
    assert (failed.status, said.batch_id, said.cause.name) == ("FAILED", names[1], "A file could not be read")
    assert f"hdp batches retire {names[1]}" in said.advice(failed.run_id)
    retirement.retire(lake.aws, names[1], reason="The file was damaged.")
    ended = lake.run(f"run-{names[0]}", batch_ids=names[:1], auto_publish=False)
    held = releases.get(lake.aws, ended.run_id).batch_ids
    assert names[0] in held
    assert names[1] not in held
