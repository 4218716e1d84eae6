-- One row per calendar day from the first to the last event, and the unknown member -1.
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`dim_time` (
  `date_key` int COMMENT 'The day as yyyymmdd; -1 is the unknown member.',
  `date` date COMMENT 'The day.',
  `year` int COMMENT 'Calendar year.',
  `quarter` int COMMENT 'Quarter, 1 to 4.',
  `month` int COMMENT 'Month, 1 to 12.',
  `month_name` string COMMENT 'Name of the month.',
  `week_of_year` int COMMENT 'ISO 8601 week, 1 to 53.',
  `day_of_month` int COMMENT 'Day of the month, 1 to 31.',
  `day_of_week` int COMMENT 'ISO 8601 weekday: 1 Monday to 7 Sunday.',
  `day_name` string COMMENT 'Name of the weekday.',
  `is_weekend` boolean COMMENT 'Saturday or Sunday.',
  `year_month` string COMMENT 'Month as yyyy-MM.'
)
COMMENT 'One row per calendar day from the first to the last event, and the unknown member -1.'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/dim_time/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."dim_time" AS SELECT * FROM "hdp_gold_releases"."dim_time" WHERE release_id = '<release>';
