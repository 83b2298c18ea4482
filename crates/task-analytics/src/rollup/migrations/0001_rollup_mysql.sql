CREATE TABLE IF NOT EXISTS `analytics-rollup` (
  `id` varchar(36) NOT NULL PRIMARY KEY,
  `type` varchar(255) NOT NULL,
  `period` INTEGER NOT NULL,
  `start` datetime(6) NOT NULL,
  `last` INTEGER NOT NULL,
  `lastAt` datetime(6) NOT NULL,
  `min` INTEGER NOT NULL,
  `max` INTEGER NOT NULL,
  KEY `analytics-rollup_period_start` (`period`, `start`),
  KEY `analytics-rollup_start` (`start`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
