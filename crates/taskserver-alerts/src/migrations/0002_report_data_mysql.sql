-- MySQL has no ADD COLUMN IF NOT EXISTS, and the step may be run again.
SET @step = IF(
  EXISTS (
    SELECT 1 FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'report' AND column_name = 'data'
  ),
  'DO 0',
  'ALTER TABLE `report` ADD COLUMN `data` MEDIUMTEXT NULL'
);
PREPARE step FROM @step;
EXECUTE step;
DEALLOCATE PREPARE step;
