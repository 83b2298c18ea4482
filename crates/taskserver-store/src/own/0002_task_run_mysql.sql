CREATE TABLE IF NOT EXISTS `task-run` (
  `id` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `task` varchar(63) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `scheduled` datetime(6) NOT NULL,
  `trigger` varchar(16) NOT NULL,
  `started` datetime(6) NOT NULL,
  `finished` datetime(6) NULL,
  `durationMicros` BIGINT NULL,
  `outcome` varchar(16) NULL,
  `interrupted` tinyint(1) NOT NULL,
  `attempt` BIGINT NOT NULL,
  `instance` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `term` BIGINT NULL,
  `result` TEXT NULL,
  `error` TEXT NULL,
  KEY `task-run_task_scheduled` (`task`, `scheduled`),
  KEY `task-run_started` (`started`)
) DEFAULT CHARACTER SET utf8mb4;
