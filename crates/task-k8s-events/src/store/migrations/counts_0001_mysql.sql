CREATE TABLE IF NOT EXISTS `k8s-event-count` (
  `id` varchar(36) NOT NULL PRIMARY KEY,
  `reason` varchar(255) NOT NULL,
  `type` varchar(255) NOT NULL,
  `period` INTEGER NOT NULL,
  `start` datetime(6) NOT NULL,
  `count` BIGINT NOT NULL,
  KEY `k8s-event-count_period_start` (`period`, `start`),
  KEY `k8s-event-count_start` (`start`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
