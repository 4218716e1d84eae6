-- One row per medication administration, its newest version.
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`fact_medication_admin` (
  `administration_key` bigint COMMENT 'xxhash64 of administration_id.',
  `encounter_key` bigint COMMENT 'xxhash64 of encounter_id: joins fact_encounter.',
  `patient_key` bigint COMMENT 'The patient''s version when it was given; -1 where there is none.',
  `medication_key` bigint COMMENT 'The medication; -1 where there is none.',
  `provider_key` bigint COMMENT 'The clinician''s version when it was given; -1 where there is none.',
  `ordered_date_key` int COMMENT 'Day of the order, key of dim_time; -1 where there is none.',
  `administered_date_key` int COMMENT 'Day of the administration, key of dim_time; -1 where it was not given.',
  `dose` double COMMENT 'Amount given, in dose_unit.',
  `dose_unit` string COMMENT 'UCUM unit of the dose.',
  `route` string COMMENT 'Route of administration, short code.',
  `status` string COMMENT 'FHIR MedicationAdministration status.',
  `ordered_at` timestamp COMMENT 'When it was ordered (UTC).',
  `administered_at` timestamp COMMENT 'When it was given (UTC).',
  `minutes_from_order` double COMMENT 'Minutes from the order to the administration; negative when given before the order.',
  `due_at` timestamp COMMENT 'When it was due (UTC); empty if the source does not say.',
  `minutes_from_due` double COMMENT 'Minutes from the due time to the administration; negative when given early.',
  `reason_not_given` string COMMENT 'Why it was not given: refused, asleep, away, vomiting, fasting, held, unavailable, no access or other. A text that is not one of these is other.',
  `barcode_scanned` boolean COMMENT 'Whether the barcode was scanned when it was given; empty if the source does not say.',
  `local_date` date COMMENT 'Day of administration by the hospital''s clock.',
  `local_hour` int COMMENT 'Hour of administration by the hospital''s clock, 0 to 23.',
  `time_zone` string COMMENT 'The hospital''s IANA time zone, of the local columns.'
)
COMMENT 'One row per medication administration, its newest version.'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.',
  `administered_month` string COMMENT 'Month (yyyy-MM) of the administration, or of the order where nothing was given.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/fact_medication_admin/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."fact_medication_admin" AS SELECT * FROM "hdp_gold_releases"."fact_medication_admin" WHERE release_id = '<release>';
