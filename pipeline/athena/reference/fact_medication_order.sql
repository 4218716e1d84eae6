-- One row per order or dispense of a medication, its newest version.
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`fact_medication_order` (
  `order_key` bigint COMMENT 'xxhash64 of event_kind and administration_id.',
  `event_kind` string COMMENT 'order or dispense.',
  `encounter_key` bigint COMMENT 'xxhash64 of encounter_id: joins fact_encounter; -1 where there is none.',
  `patient_key` bigint COMMENT 'The patient''s version when it was ordered or dispensed; -1 where there is none.',
  `medication_key` bigint COMMENT 'The medication; -1 where there is none.',
  `provider_key` bigint COMMENT 'The clinician''s version when it was ordered or dispensed; -1 where there is none.',
  `ordered_date_key` int COMMENT 'Day of the order, key of dim_time; -1 where there is none.',
  `dispensed_date_key` int COMMENT 'Day of the dispense, key of dim_time; -1 for an order.',
  `dose` double COMMENT 'Amount ordered or dispensed, in dose_unit.',
  `dose_unit` string COMMENT 'UCUM unit of the dose.',
  `route` string COMMENT 'Route of administration, short code.',
  `status` string COMMENT 'FHIR MedicationRequest or MedicationDispense status.',
  `ordered_at` timestamp COMMENT 'When it was ordered (UTC).',
  `dispensed_at` timestamp COMMENT 'When it was handed over (UTC); empty for an order.',
  `local_date` date COMMENT 'Day of the order or dispense by the hospital''s clock.',
  `local_hour` int COMMENT 'Hour of the order or dispense by the hospital''s clock, 0 to 23.',
  `time_zone` string COMMENT 'The hospital''s IANA time zone, of the local columns.'
)
COMMENT 'One row per order or dispense of a medication, its newest version.'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.',
  `ordered_month` string COMMENT 'Month (yyyy-MM) of the order or, for a dispense, of the handing over.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/fact_medication_order/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."fact_medication_order" AS SELECT * FROM "hdp_gold_releases"."fact_medication_order" WHERE release_id = '<release>';
