CREATE TABLE IF NOT EXISTS `alert` (
  `id` varchar(36) NOT NULL PRIMARY KEY,
  `source` varchar(255) NOT NULL,
  `rule` varchar(255) NOT NULL,
  `group` varchar(255) NOT NULL,
  `cluster` varchar(255) NULL,
  `namespace` varchar(255) NULL,
  `level` varchar(255) NOT NULL,
  `title` varchar(255) NOT NULL,
  `message` MEDIUMTEXT NOT NULL,
  `state` varchar(255) NOT NULL,
  `firstSeen` datetime(6) NOT NULL,
  `lastSeen` datetime(6) NOT NULL,
  `events` BIGINT NOT NULL,
  `resolveAt` datetime(6) NULL,
  `resolvedAt` datetime(6) NULL,
  `deliveries` BIGINT NOT NULL,
  `createdAt` datetime(6) NOT NULL,
  `updatedAt` datetime(6) NOT NULL,
  KEY `alert_state_resolveAt` (`state`, `resolveAt`),
  KEY `alert_lastSeen` (`lastSeen`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS `alert-group` (
  `id` varchar(36) NOT NULL PRIMARY KEY,
  `alert` varchar(36) NULL,
  `recent` MEDIUMTEXT NOT NULL,
  `quietUntilMicros` BIGINT NULL,
  `coolDownMillis` BIGINT NOT NULL,
  `updatedAt` datetime(6) NOT NULL,
  KEY `alert-group_alert` (`alert`),
  KEY `alert-group_updatedAt` (`updatedAt`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS `report` (
  `id` varchar(36) NOT NULL PRIMARY KEY,
  `source` varchar(255) NOT NULL,
  `name` varchar(255) NOT NULL,
  `title` varchar(255) NOT NULL,
  `markdown` MEDIUMTEXT NOT NULL,
  `createdAt` datetime(6) NOT NULL,
  `updatedAt` datetime(6) NOT NULL,
  KEY `report_createdAt` (`createdAt`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS `alert-delivery` (
  `seq` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `subject` varchar(36) NOT NULL,
  `kind` varchar(255) NOT NULL,
  `receiver` varchar(255) NOT NULL,
  `attempts` BIGINT NOT NULL,
  `nextAttemptAt` datetime(6) NOT NULL,
  `createdAt` datetime(6) NOT NULL,
  KEY `alert-delivery_receiver_nextAttemptAt` (`receiver`, `nextAttemptAt`),
  KEY `alert-delivery_subject` (`subject`),
  KEY `alert-delivery_createdAt` (`createdAt`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS `alert-receiver` (
  `id` varchar(255) NOT NULL PRIMARY KEY,
  `failures` BIGINT NOT NULL,
  `nextAttemptAt` datetime(6) NULL,
  `lastError` MEDIUMTEXT NULL,
  `deliveredAt` datetime(6) NULL,
  `updatedAt` datetime(6) NOT NULL
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
