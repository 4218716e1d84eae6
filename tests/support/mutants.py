"""Mutants of the jobs that make gold: plausible mistakes, each a substitution in the source."""

from __future__ import annotations

SECONDS = '_seconds("admitted_at", "discharged_at") / 3600'
NIGHTS = 'F.datediff("discharged_local_date", "local_date")'
AGE = "F.when(F.col(day).isNotNull() & F.col(birth_date).isNotNull(), bounded)"
PATIENT = 'F.when(F.col("patient.found"), star.key_of("patient_id"))'
PROVIDER = '"provider_durable_key": star.key_of("provider_npi")'
DIAGNOSIS = 'F.when(F.col("diagnosis_code").isNotNull(), diagnosis_key())'
OF_PATIENT = '"patient_durable_key", "patient_key", "admitted_at"'
OF_PROVIDER = '"provider_durable_key", "provider_key", "admitted_at"'
ADMITTED_DATE = 'local_date("admitted_at", time_zone)'
DISCHARGED_DATE = 'local_date("discharged_at", time_zone)'
GIVEN_DATE = 'local_date("administered_at", time_zone)'
UPDATED_DATE = 'local_date("updated_at", time_zone)'
STAY_HOUR = 'F.hour(local("admitted_at", time_zone))'
STAY_DAY = '"local_date": local_date("admitted_at", time_zone)'
STAY_END = '"discharged_local_date": local_date("discharged_at", time_zone)'
STAY_MONTH = '"admitted_month": local_month("admitted_at", time_zone)'


OF_ENCOUNTER = {
    "length_of_stay_hours": [
        ("operator", "F.unix_timestamp(end) - F.", "F.unix_timestamp(end) + F."),
        ("boundary", SECONDS, f"F.floor({SECONDS})"),
        ("null", SECONDS, f"F.coalesce({SECONDS}, F.lit(0.0))"),
        ("unit", "/ 3600", "/ 60"),
        ("join", '_seconds("admitted_at", ', '_seconds("updated_at", '),
    ],
    "length_of_stay_days": [
        ("operator", NIGHTS, 'F.datediff("local_date", "discharged_local_date")'),
        ("boundary", NIGHTS, f"{NIGHTS} + 1"),
        ("null", NIGHTS, f"F.coalesce({NIGHTS}, F.lit(0))"),
        ("unit", NIGHTS, 'F.floor(_seconds("admitted_at", "discharged_at") / 86400)'),
        ("join", NIGHTS, 'F.datediff(F.to_date("discharged_at"), F.to_date("admitted_at"))'),
    ],
    "age_at_admission": [
        ("operator", "digits[0] - digits[1]", "digits[0] + digits[1]"),
        ("boundary", "F.floor((digits", "F.ceil((digits"),
        ("boundary", "F.least(F.lit(90), years)", "F.least(F.lit(99), years)"),
        ("null", AGE, "F.least(F.lit(90), years)"),
        ("unit", "/ 10000", "/ 1000"),
        ("join", 'age_on("local_date", "patient.birth_date")', 'age_on("local_date", "patient.death_date")'),
    ],
    "patient_key": [
        ("operator", 'F.when(F.col("patient.found")', 'F.when(~F.col("patient.found")'),
        ("boundary", OF_PATIENT, '"patient_durable_key", "patient_key", "updated_at"'),
        ("null", 'F.when(F.col("patient.found")', 'F.when(F.col("patient.birth_date").isNotNull()'),
        ("unit", PATIENT, PATIENT.replace('"patient_id"', '"patient_id", "encounter_id"')),
        ("join", PATIENT, PATIENT.replace('"patient_id"', '"encounter_id"')),
    ],
    "provider_key": [
        ("operator", PROVIDER, '"provider_durable_key": star.key_of("provider_name")'),
        ("boundary", OF_PROVIDER, '"provider_durable_key", "provider_key", "discharged_at"'),
        ("null", PROVIDER,
         '"provider_durable_key": star.key_of(F.coalesce("provider_npi", F.lit("1234567893")))'),
        ("unit", PROVIDER, '"provider_durable_key": star.key_of("provider_npi", "encounter_id")'),
        ("join", "dimensions.provider, ", 'dimensions.provider.where("version > 1"), '),
    ],
    "diagnosis_key": [
        ("operator", DIAGNOSIS, DIAGNOSIS.replace("isNotNull", "isNull")),
        ("boundary", "dimensions.diagnosis, ", "dimensions.diagnosis.where(\"diagnosis_code > 'I10'\"), "),
        ("null", DIAGNOSIS, DIAGNOSIS.replace("diagnosis_code", "discharge_disposition")),
        ("unit", DIAGNOSIS, 'star.key_of("diagnosis_code")'),
        ("join", "dimensions.diagnosis, ", "dimensions.diagnosis.limit(1), "),
    ],
    "admitted_date_key": [
        ("operator", 'star.date_key("local_date")', 'star.date_key("discharged_local_date")'),
        ("boundary", 'star.date_key("local_date")', 'star.date_key(F.date_add("local_date", 1))'),
        ("null", 'star.date_key("local_date")',
         'star.date_key(F.when(F.col("discharged_at").isNotNull(), F.col("local_date")))'),
        ("unit", 'star.date_key("local_date")', 'star.date_key(F.trunc("local_date", "month"))'),
        ("join", 'star.date_key("local_date")', 'star.date_key(F.to_date("admitted_at"))'),
    ],
    "discharged_date_key": [
        ("operator", 'star.date_key("discharged_local_date")', 'star.date_key("local_date")'),
        ("boundary", 'star.date_key("discharged_local_date")',
         'star.date_key(F.date_sub("discharged_local_date", 1))'),
        ("null", 'star.date_key("discharged_local_date")',
         'star.date_key(F.coalesce("discharged_local_date", "local_date"))'),
        ("unit", 'star.date_key("discharged_local_date")',
         'star.date_key(F.trunc("discharged_local_date", "month"))'),
        ("join", 'star.date_key("discharged_local_date")', 'star.date_key(F.to_date("discharged_at"))'),
    ],
    "local_hour": [
        ("operator", STAY_HOUR, STAY_HOUR.replace("F.hour", "F.minute")),
        ("boundary", STAY_HOUR, f"({STAY_HOUR} + 1) % 24"),
        ("null", STAY_HOUR, f"F.nullif({STAY_HOUR}, F.lit(0))"),
        ("unit", STAY_HOUR, f"{STAY_HOUR} % 12"),
        ("join", STAY_HOUR, 'F.hour("admitted_at")'),
    ],
    "local_date": [
        ("operator", STAY_DAY, STAY_DAY.replace("admitted_at", "updated_at")),
        ("boundary", STAY_DAY, '"local_date": F.date_add(local_date("admitted_at", time_zone), 1)'),
        ("null", STAY_DAY, f'"local_date": F.when(F.col("discharged_at").isNotNull(), {ADMITTED_DATE})'),
        ("unit", STAY_DAY, '"local_date": F.trunc(local_date("admitted_at", time_zone), "month")'),
        ("join", STAY_DAY, '"local_date": F.to_date("admitted_at")'),
    ],
    "discharged_local_date": [
        ("operator", STAY_END, STAY_END.replace('"discharged_at"', '"admitted_at"')),
        ("boundary", STAY_END,
         '"discharged_local_date": F.date_sub(local_date("discharged_at", time_zone), 1)'),
        ("null", STAY_END,
         f'"discharged_local_date": F.coalesce({DISCHARGED_DATE}, F.to_date("admitted_at"))'),
        ("unit", STAY_END, '"discharged_local_date": F.last_day(local_date("discharged_at", time_zone))'),
        ("join", STAY_END, '"discharged_local_date": F.to_date("discharged_at")'),
    ],
    "admitted_month": [
        ("operator", STAY_MONTH, STAY_MONTH.replace('"admitted_at"', '"updated_at"')),
        ("boundary", STAY_MONTH, '"admitted_month": F.date_format(F.date_add("local_date", 1), "yyyy-MM")'),
        ("null", STAY_MONTH, '"admitted_month": local_month("discharged_at", time_zone)'),
        ("unit", STAY_MONTH, '"admitted_month": F.date_format("local_date", "yyyy")'),
        ("join", STAY_MONTH, '"admitted_month": F.date_format("admitted_at", "yyyy-MM")'),
    ],
}  # fmt: skip
ENCOUNTER = """F.when(F.col("encounter.found"), star.key_of("encounter_id"))"""
MINUTES = '(F.unix_timestamp("administered_at") - F.unix_timestamp("ordered_at")) / 60'
GIVEN_HOUR = 'F.hour(local("administered_at", time_zone))'
GIVEN_DAY = 'withColumn("local_date", local_date("administered_at", time_zone))'
GIVEN_MONTH = 'local_month("_event_at", time_zone)'
ORDERED_KEY = 'star.date_key(local_date("ordered_at", time_zone))'
GIVEN_KEY = '"administered_date_key": star.date_key("local_date")'
MOMENT = 'F.coalesce("administered_at", "ordered_at", "updated_at")'
PATIENT_THEN = '"patient_durable_key", "patient_key", "_event_at"'
PROVIDER_THEN = '"provider_durable_key", "provider_key", "_event_at"'
MEDICATION = '"medication_key": medication_key()'


OF_ADMINISTRATION = {
    "minutes_from_order": [
        ("operator", 'at") - F.unix', 'at") + F.unix'),
        ("boundary", MINUTES, f"F.greatest({MINUTES}, F.lit(0.0))"),
        ("null", MINUTES, f"F.coalesce({MINUTES}, F.lit(0.0))"),
        ("unit", ")) / 60", ")) / 3600"),
        ("join", 'F.unix_timestamp("ordered_at")', 'F.unix_timestamp("updated_at")'),
    ],
    "encounter_key": [
        ("operator", ENCOUNTER, ENCOUNTER.replace("F.when(F", "F.when(~F")),
        ("boundary", ENCOUNTER, ENCOUNTER.replace("encounter.found", "patient.found")),
        ("null", ENCOUNTER, ENCOUNTER.replace('F.col("encounter.found")',
                                              'F.col("encounter.discharged_at").isNotNull()')),
        ("unit", ENCOUNTER, ENCOUNTER.replace('"encounter_id"', '"encounter_id", "patient_id"')),
        ("join", ENCOUNTER, 'F.when(F.lit(True), star.key_of("encounter_id"))'),
    ],
    "patient_key": [
        ("operator", 'F.when(F.col("patient.found")', 'F.when(~F.col("patient.found")'),
        ("boundary", PATIENT_THEN, PATIENT_THEN.replace("_event_at", "updated_at")),
        ("null", PATIENT_THEN, PATIENT_THEN.replace("_event_at", "administered_at")),
        ("unit", PATIENT, PATIENT.replace('"patient_id"', '"patient_id", "encounter_id"')),
        ("join", PATIENT, PATIENT.replace('"patient_id"', '"encounter.patient_id"')),
    ],
    "provider_key": [
        ("operator", PROVIDER, PROVIDER.replace("provider_npi", "route")),
        ("boundary", "dimensions.provider, ", "dimensions.provider.where(\"provider_npi > '1234567893'\"), "),
        ("null", PROVIDER_THEN, PROVIDER_THEN.replace("_event_at", "administered_at")),
        ("unit", PROVIDER, '"provider_durable_key": star.key_of("provider_npi", "encounter_id")'),
        ("join", "dimensions.provider, ", 'dimensions.provider.where("version > 1"), '),
    ],
    "medication_key": [
        ("operator", MEDICATION,
         '"medication_key": star.key_of("medication_code", "medication_code_system")'),
        ("boundary", "dimensions.medication, ",
         "dimensions.medication.where(\"medication_code > '197361'\"), "),
        ("null", MEDICATION, '"medication_key": F.when(F.col("dose").isNotNull(), medication_key())'),
        ("unit", MEDICATION, '"medication_key": star.key_of("medication_code")'),
        ("join", "dimensions.medication, ", "dimensions.medication.limit(1), "),
    ],
    "ordered_date_key": [
        ("operator", ORDERED_KEY, ORDERED_KEY.replace("ordered_at", "administered_at")),
        ("boundary", ORDERED_KEY, 'star.date_key(F.date_add(local_date("ordered_at", time_zone), 1))'),
        ("null", ORDERED_KEY, 'star.date_key(local_date("_event_at", time_zone))'),
        ("unit", ORDERED_KEY, 'star.date_key(F.last_day(local_date("ordered_at", time_zone)))'),
        ("join", ORDERED_KEY, 'star.date_key(F.to_date("ordered_at"))'),
    ],
    "administered_date_key": [
        ("operator", GIVEN_KEY,
         '"administered_date_key": star.date_key(local_date("ordered_at", time_zone))'),
        ("boundary", GIVEN_KEY, '"administered_date_key": star.date_key(F.date_sub("local_date", 1))'),
        ("null", GIVEN_KEY, '"administered_date_key": star.date_key(local_date("_event_at", time_zone))'),
        ("unit", GIVEN_KEY, '"administered_date_key": star.date_key(F.last_day("local_date"))'),
        ("join", GIVEN_KEY, '"administered_date_key": star.date_key(F.to_date("administered_at"))'),
    ],
    "local_hour": [
        ("operator", GIVEN_HOUR, GIVEN_HOUR.replace("F.hour", "F.minute")),
        ("boundary", GIVEN_HOUR, f"({GIVEN_HOUR} + 1) % 24"),
        ("null", GIVEN_HOUR, GIVEN_HOUR.replace("administered_at", "_event_at")),
        ("unit", GIVEN_HOUR, f"{GIVEN_HOUR} % 12"),
        ("join", GIVEN_HOUR, 'F.hour("administered_at")'),
    ],
    "local_date": [
        ("operator", GIVEN_DAY, GIVEN_DAY.replace("administered_at", "ordered_at")),
        ("boundary", GIVEN_DAY,
         'withColumn("local_date", F.date_add(local_date("administered_at", time_zone), 1))'),
        ("null", GIVEN_DAY, f'withColumn("local_date", F.coalesce({GIVEN_DATE}, {UPDATED_DATE}))'),
        ("unit", GIVEN_DAY, 'withColumn("local_date", F.last_day(local_date("administered_at", time_zone)))'),
        ("join", GIVEN_DAY, 'withColumn("local_date", F.to_date("administered_at"))'),
    ],
    "administered_month": [
        ("operator", MOMENT, 'F.coalesce("updated_at", "ordered_at", "administered_at")'),
        ("boundary", GIVEN_MONTH,
         'F.date_format(F.date_add(local_date("_event_at", time_zone), 1), "yyyy-MM")'),
        ("null", MOMENT, 'F.coalesce("administered_at", "updated_at")'),
        ("unit", GIVEN_MONTH, 'F.date_format("_event_at", "yyyy")'),
        ("join", GIVEN_MONTH, 'F.date_format("_event_at", "yyyy-MM")'),
    ],
}  # fmt: skip


OF_READMISSION = {
    "readmission_status": [
        ("operator", "days.between(1, DAYS)", "~days.between(1, DAYS)"),
        ("operator", 'F.col("_died") == 1', 'F.col("_died") == 0'),
        ("boundary", "days.between(1, DAYS)", "days.between(1, DAYS - 10)"),
        ("boundary", "days.between(1, DAYS)", "days.between(2, DAYS)"),
        ("boundary", "open_days <= DAYS", "open_days <= DAYS + 5"),
        ("null", 'F.lit(_STILL_OPEN).cast("date")', 'F.col("local_date")'),
        ("null", "F.coalesce(F.lower(", "F.nullif(F.lit(True), F.lit(True)) & F.coalesce(F.lower("),
        ("unit", 'F.datediff("_next", "_last")', 'F.datediff("_next", "_last") * 24'),
        ("unit", 'F.datediff("last_local_date", "_last")', 'F.months_between("last_local_date", "_last")'),
        ("join", 'partitionBy("patient_id").orderBy("_episode")', 'partitionBy().orderBy("_episode")'),
    ],
    "is_readmitted_30d": [
        ("operator", "known == NOT_READMITTED, False", "known != READMITTED, False"),
        ("operator", 'F.lead("_first")', 'F.lag("_first")'),
        ("boundary", 'F.col("local_date") > F.max("_end")', 'F.col("local_date") >= F.max("_end")'),
        ("boundary", 'F.max("_end").over(before)', 'F.lag("_end").over(in_order)'),
        ("null", "known == NOT_READMITTED, False)", "known == NOT_READMITTED, False).otherwise(False)"),
        ("unit", "DAYS = 30", "DAYS = 7"),
        ("join", '("IMP", "ACUTE")', '("IMP",)'),
        ("join", '("IMP", "ACUTE")', '("IMP", "ACUTE", "EMER")'),
    ],
}


OF_CLOCK = {
    "local": [
        ("operator", "F.from_utc_timestamp", "F.to_utc_timestamp"),
        ("boundary", "F.from_utc_timestamp(F.col(timestamp), time_zone)",
         "F.from_utc_timestamp(F.col(timestamp), time_zone) - F.expr('interval 1 second')"),
        ("null", "F.from_utc_timestamp(F.col(timestamp)",
         "F.from_utc_timestamp(F.coalesce(F.col(timestamp), F.col('updated_at'))"),
        ("unit", "F.from_utc_timestamp(F.col(timestamp), time_zone)",
         "F.col(timestamp) - F.expr('interval 5 hours')"),
        ("join", "F.from_utc_timestamp(F.col(timestamp), time_zone)",
         "F.from_utc_timestamp(F.col(timestamp), 'America/Chicago')"),
    ],
    "local_month": [
        ("operator", '"yyyy-MM"', '"yyyy-MM-dd"'),
        ("boundary", 'F.date_format(local(timestamp, time_zone)',
         "F.date_format(local(timestamp, time_zone) + F.expr('interval 1 day')"),
        ("null", 'F.date_format(local(timestamp, time_zone)',
         "F.date_format(F.coalesce('discharged_at', timestamp)"),
        ("unit", '"yyyy-MM"', '"yyyy-mm"'),
        ("join", "F.date_format(local(timestamp, time_zone)", "F.date_format(F.col(timestamp)"),
    ],
}  # fmt: skip


OF_VERSIONS = {
    "is_conflicting": [
        ("operator", ') != F.max("_content")', ') == F.max("_content")'),
        ("boundary", "_n > 1", "_n > 2"),
        ("null", "frames.hash_of(content)", "F.xxhash64(*content)"),
        ("unit", '"source_file", "source_line"}', '"source_file"}'),
        ("join", 'Window.partitionBy(*key, "updated_at")', "Window.partitionBy(*key)"),
    ],
    "is_newest": [
        ("operator", 'F.desc("updated_at")', 'F.asc("updated_at")'),
        ("boundary", 'F.col("_rank") == 1', 'F.col("_rank") == 2'),
        ("null", '~F.col("is_conflicting") & (F', "(F"),
        ("unit", 'partitionBy(*key, "is_conflicting")', "partitionBy(*key)"),
        ("join", '"left_anti"', '"left_semi"'),
    ],
}
