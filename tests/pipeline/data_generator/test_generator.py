"""Sample data: reproducible by seed, clinically plausible, with a correct ground truth."""

import csv
import gzip

import pandas as pd
import pytest
import simple_icd_10_cm
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data_generator import BLOCK, BadOptions, Options
from pipeline.data_generator.blocks import TABLES, make
from pipeline.data_generator.patients import AGE_BANDS
from pipeline.data_generator.pools import diagnoses, npi
from pipeline.data_generator.writer import generate
from pipeline.reference import formulary

OPTIONS = Options(patients=6000, seed=3)


@pytest.fixture(scope="module")
def made():
    """Return two blocks as pandas DataFrames."""
    whole = [make(OPTIONS, block) for block in range(OPTIONS.blocks)]
    frames = {
        table: pd.concat([block[table].to_pandas() for block in whole], ignore_index=True) for table in TABLES
    }
    for table, columns in {
        "encounters": ["admitted_at", "discharged_at"],
        "medications": ["ordered_at", "administered_at"],
    }.items():
        for column in columns:
            frames[table][column] = pd.to_datetime(frames[table][column])
    return frames


def read(folder, table):
    with (folder / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


# determinism


def test_one_process_or_two_give_the_same_bytes(tmp_path):
    options = Options(patients=BLOCK + 50, seed=1, defect_rate=0.02)
    one = generate(options, tmp_path / "one").folder
    two = generate(options, tmp_path / "two", processes=2).folder
    assert {f.name: f.read_bytes() for f in one.iterdir()} == {f.name: f.read_bytes() for f in two.iterdir()}


@settings(max_examples=8, deadline=None)
@given(st.integers(1, BLOCK), st.integers(0, 2**40))
def test_a_larger_size_keeps_the_smaller_ones_patients(size, seed):
    small, large = make(Options(patients=size, seed=seed), 0), make(Options(patients=BLOCK, seed=seed), 0)
    for table in TABLES:
        assert large[table].slice(0, small[table].num_rows).equals(small[table])


def test_another_seed_gives_other_patients():
    assert not make(Options(seed=1), 0)["patients"].equals(make(Options(seed=2), 0)["patients"])


def test_csv_gzip_and_parquet_contain_the_same_rows(tmp_path):
    plain = generate(Options(patients=30), tmp_path / "csv").folder
    packed = generate(Options(patients=30), tmp_path / "gz", format="csv.gz").folder
    parquet = generate(Options(patients=30), tmp_path / "parquet", format="parquet").folder
    for table in TABLES:
        text = (plain / f"{table}.csv").read_bytes()
        assert gzip.decompress((packed / f"{table}.csv.gz").read_bytes()) == text
        rows = pd.read_parquet(parquet / f"{table}.parquet").fillna("")
        assert rows.to_dict("records") == read(plain, table)


def test_parts_contain_the_same_rows_in_the_same_order(tmp_path):
    options = Options(patients=2 * BLOCK + 10, seed=4, defect_rate=0.01)
    whole = generate(options, tmp_path / "whole").folder
    parted = generate(options, tmp_path / "parted", parts=2).folder
    for table in TABLES:
        files = sorted(parted.glob(f"{table}-*.csv"))
        texts = [file.read_text().partition("\n") for file in files]
        assert len(files) == 2
        assert (
            texts[0][0] + "\n" + "".join(rows for _, _, rows in texts) == (whole / f"{table}.csv").read_text()
        )
    assert (parted / "_defects.csv").read_bytes() == (whole / "_defects.csv").read_bytes()


def test_shifted_columns_are_rejected_for_parquet(tmp_path):
    with pytest.raises(BadOptions, match="Parquet does not support rows with an extra field"):
        generate(Options(patients=50, defect_rate=0.1), tmp_path / "a", format="parquet")
    kept = generate(
        Options(patients=50, defect_rate=0.1, defects=("wrong_unit",)), tmp_path / "b", format="parquet"
    )
    assert kept.defects > 0


# clinical sense, against the figures cited where they are used


def test_ages_follow_the_census(made):
    people = made["patients"].drop_duplicates("patient_id")
    age = (pd.Timestamp(OPTIONS.start) - pd.to_datetime(people["birth_date"])).dt.days / 365.25
    bands = (age // 5).clip(upper=17).astype(int).value_counts().reindex(range(18), fill_value=0)
    expected = AGE_BANDS / AGE_BANDS.sum() * len(people)
    chi_square = float(((bands.to_numpy() - expected) ** 2 / expected).sum())
    assert chi_square < 40.8, "0.1 % point of chi-square with 17 degrees of freedom"


def test_inpatient_stays_are_as_long_as_hcup_reports(made):
    stays = made["encounters"].query("encounter_class == 'IMP'")
    days = (stays["discharged_at"] - stays["admitted_at"]).dt.total_seconds() / 86_400
    assert 2.5 < days.median() < 4.0
    assert 4.0 < days.mean() < 6.0


def test_readmission_within_30_days_is_near_14_percent(made):
    stays = made["encounters"].query("encounter_class == 'IMP'").sort_values(["patient_id", "admitted_at"])
    following = stays.groupby("patient_id")["admitted_at"].shift(-1)
    days = (following - stays["discharged_at"]).dt.total_seconds() / 86_400
    assert 0.10 < ((days >= 1) & (days < 31)).mean() < 0.20


def test_inpatient_stays_per_person_year_match_hcup(made):
    stays = (made["encounters"]["encounter_class"] == "IMP").sum()
    assert 0.09 < stays / OPTIONS.patients / 2 < 0.125  # 35.4 million stays of 330 million people


def test_stays_end_in_death_and_in_birth_about_as_often_as_hcup_reports(made):
    stays = made["encounters"].query("encounter_class == 'IMP'")
    assert 0.012 < (stays["discharge_disposition"] == "expired").mean() < 0.035  # 1.9 of 100
    assert 0.08 < stays["diagnosis_code"].isin(["O80", "O34.211"]).mean() < 0.16  # 22 to 25 with the newborns


def test_some_doses_are_outside_the_usual_range_but_below_the_limit_of_the_rule(made):
    usual = {m.code: (m.usual_low, m.usual_high) for m in formulary()}
    dose = made["medications"]["dose"].astype(float)
    low = made["medications"]["medication_code"].map(lambda code: usual[code][0])
    high = made["medications"]["medication_code"].map(lambda code: usual[code][1])
    assert 0.003 < (dose < low).mean() < 0.01
    assert 0.003 < (dose > high).mean() < 0.01


def test_later_doses_follow_the_rounds_of_the_ward(made):
    doses = made["medications"].dropna(subset=["administered_at"])
    stays = made["encounters"].query("encounter_class == 'IMP'")["encounter_id"]
    doses = doses[doses["encounter_id"].isin(stays)]
    hour = doses["administered_at"].dt.tz_convert(OPTIONS.time_zone).dt.hour
    assert hour.isin([0, 6, 9, 12, 14, 18, 21, 22]).mean() > 0.7
    minutes = (doses["administered_at"] - doses["ordered_at"]).dt.total_seconds() / 60
    first = minutes.groupby([doses["encounter_id"], doses["medication_code"]]).min()
    assert 0.02 < (first > 60).mean() < 0.12  # CMS's 60 minutes, missed now and then


def test_emergency_visits_per_person_year_match_nhamcs(made):
    visits = (made["encounters"]["encounter_class"] == "EMER").sum()
    assert 0.36 < visits / OPTIONS.patients / 2 < 0.50


def test_diagnoses_are_billable_codes_with_their_official_description():
    for diagnosis in diagnoses():
        assert simple_icd_10_cm.is_leaf(diagnosis.code)
        assert simple_icd_10_cm.get_description(diagnosis.code) == diagnosis.description


def test_diagnoses_fit_sex_and_age(made):
    people = made["patients"].drop_duplicates("patient_id").set_index("patient_id")
    joined = made["encounters"].join(people[["sex", "birth_date"]], on="patient_id")
    age = (joined["admitted_at"].dt.tz_localize(None) - pd.to_datetime(joined["birth_date"])).dt.days / 365.25
    assert set(joined[joined["diagnosis_code"].str.startswith("O")]["sex"]) == {"F"}
    assert set(joined[joined["diagnosis_code"].isin(["N40.1", "C61"])]["sex"]) == {"M"}
    assert age[joined["diagnosis_code"] == "F03.90"].min() >= 65
    assert not (age[joined["diagnosis_code"] == "P59.9"] > 1.01).any()


def test_every_reference_resolves_and_every_time_lies_in_its_stay(made):
    encounters = made["encounters"].set_index("encounter_id")
    assert encounters.index.is_unique
    assert made["medications"]["administration_id"].is_unique
    assert set(encounters["patient_id"]) <= set(made["patients"]["patient_id"])
    doses = made["medications"].query("event_kind == 'administration'")
    doses = doses.join(
        encounters[["patient_id", "admitted_at", "discharged_at"]], on="encounter_id", rsuffix="_of_stay"
    )
    assert (doses["patient_id"] == doses["patient_id_of_stay"]).all()
    given = doses.dropna(subset=["administered_at"])
    assert (given["administered_at"] >= given["admitted_at"]).all()
    assert (given["administered_at"] <= given["discharged_at"]).all()
    assert (given["administered_at"] >= given["ordered_at"]).all()


def test_every_administration_has_its_order_and_a_dispense_no_encounter(made):
    kinds = dict(iter(made["medications"].groupby("event_kind")))
    named = ["encounter_id", "medication_code", "ordered_at"]
    orders = set(kinds["order"][named].itertuples(index=False, name=None))
    assert set(kinds["administration"][named].itertuples(index=False, name=None)) <= orders
    assert kinds["order"]["administered_at"].isna().all()
    dispenses = kinds["dispense"]
    assert len(dispenses) > 20
    assert dispenses["encounter_id"].isna().all()
    assert (dispenses["administered_at"] >= dispenses["ordered_at"]).all()
    of_orders = set(kinds["order"][["patient_id", *named[1:]]].itertuples(index=False, name=None))
    assert set(dispenses[["patient_id", *named[1:]]].itertuples(index=False, name=None)) <= of_orders


def test_due_times_reasons_and_scans_are_those_of_a_medication_administration_record(made):
    doses = made["medications"].query("event_kind == 'administration'")
    due = pd.to_datetime(doses["due_at"])
    assert (due >= doses["ordered_at"]).all()
    late = (doses["administered_at"] - due).dropna().dt.total_seconds() / 60
    assert late.min() >= 0
    assert 0.02 < (late > 60).mean() < 0.12  # CMS's 60 minutes, missed now and then
    missed = doses["status"] == "not-done"
    assert doses.loc[~missed, "reason_not_given"].isna().all()
    assert 0.85 < doses.loc[missed, "reason_not_given"].notna().mean() < 1
    assert doses.loc[missed, "barcode_scanned"].isna().all()
    assert 0.92 < (doses.loc[~missed, "barcode_scanned"] == "true").mean() < 0.96


def test_nobody_is_seen_after_death_or_in_two_places(made):
    deaths = (
        made["patients"]
        .dropna(subset=["death_date"])
        .drop_duplicates("patient_id", keep="last")
        .set_index("patient_id")["death_date"]
    )
    ends = made["encounters"].groupby("patient_id")["discharged_at"].max()
    ends = ends.dt.tz_convert(OPTIONS.time_zone).dt.strftime("%Y-%m-%d")
    both = pd.concat([deaths, ends], axis=1, join="inner")
    assert len(both) > 20
    assert (both["discharged_at"] <= both["death_date"]).all()
    stays = made["encounters"].sort_values(["patient_id", "admitted_at"])
    before = stays.groupby("patient_id")["discharged_at"].shift()
    assert not (before > stays["admitted_at"]).any()


def test_moves_and_payers_give_later_versions(made):
    versions = made["patients"].groupby("patient_id").size()
    assert 0.15 < (versions > 1).mean() < 0.4
    assert not made["patients"].duplicated(["patient_id", "updated_at"]).any()


@given(st.integers(0, 10**8 - 1))
def test_npis_have_the_luhn_digit_over_80840(number):
    digits = [int(d) for d in "80840" + npi(number)]
    doubled = [d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits))]
    assert sum(doubled) % 10 == 0


def test_names_come_in_any_locale():
    assert make(Options(patients=5, locale="de_DE"), 0)["patients"].num_rows >= 5
    with pytest.raises(BadOptions, match="Unknown locale 'xx_XX'"):
        make(Options(locale="xx_XX"), 0)
