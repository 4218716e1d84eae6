from pathlib import Path

import pipeline
from pipeline.contracts.model import all_contracts
from pipeline.jobs import declared, jobs, stage


def test_stages_are_run_in_order():
    order = [job.stage for job in jobs()]
    assert order == sorted(order, key=["silver", "dimensions", "facts", "quality"].index)


def test_each_table_has_its_job():
    assert [job.table for job in stage("silver")] == ["patients", "encounters", "medications", "diagnoses"]
    assert [job.table for job in stage("dimensions") + stage("facts")] == [
        "dim_patient",
        "dim_time",
        "dim_medication",
        "dim_provider",
        "dim_diagnosis",
        "dim_department",
        "fact_encounter",
        "fact_medication_admin",
        "fact_medication_order",
        "bridge_encounter_diagnosis",
    ]


def test_every_script_exists():
    folder = Path(pipeline.__file__).parent / "glue_jobs"
    assert [job.script for job in declared() if not (folder / job.script).is_file()] == []


def test_every_table_that_a_job_reads_or_writes_has_a_contract():
    known = {f"{contract.zone}.{contract.table}" for contract in all_contracts()}
    named = {table for job in jobs() for table in (*job.reads, f"{job.zone}.{job.table}")}
    assert named <= known
