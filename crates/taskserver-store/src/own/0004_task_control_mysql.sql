CREATE TABLE IF NOT EXISTS `task-state` (
  `task` varchar(63) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `pausedBy` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  `pausedReason` TEXT NULL,
  `pausedAt` datetime(6) NULL,
  `recurrence` TEXT NULL,
  `rescheduledBy` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  `rescheduledReason` TEXT NULL,
  `rescheduledAt` datetime(6) NULL,
  `changed` datetime(6) NOT NULL
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS `task-act` (
  `id` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `task` varchar(63) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `action` varchar(16) NOT NULL,
  `recurrence` TEXT NULL,
  `by` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `reason` TEXT NULL,
  `asked` datetime(6) NOT NULL,
  `instance` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  `takenBy` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  `finished` datetime(6) NULL,
  `outcome` varchar(16) NULL,
  `detail` TEXT NULL,
  KEY `task-act_asked` (`asked`),
  KEY `task-act_finished` (`finished`)
) DEFAULT CHARACTER SET utf8mb4;
