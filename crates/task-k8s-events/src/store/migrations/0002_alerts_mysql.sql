CREATE TABLE IF NOT EXISTS `alert` (
  `id` varchar(36) NOT NULL PRIMARY KEY,
  `cluster` varchar(255) NOT NULL,
  `rule` varchar(255) NOT NULL,
  `level` varchar(255) NOT NULL,
  `source` varchar(255) NOT NULL,
  `title` varchar(255) NOT NULL,
  `message` MEDIUMTEXT NOT NULL,
  `group` varchar(255) NOT NULL,
  `firstSeen` datetime(6) NOT NULL,
  `lastSeen` datetime(6) NOT NULL,
  `events` BIGINT NOT NULL,
  `state` varchar(255) NOT NULL,
  `resolveAt` datetime(6) NOT NULL,
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
  `updatedAt` datetime(6) NOT NULL,
  KEY `alert-group_alert` (`alert`),
  KEY `alert-group_updatedAt` (`updatedAt`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS `alert-delivery` (
  `id` varchar(36) NOT NULL PRIMARY KEY,
  `alert` varchar(36) NOT NULL,
  `receiver` varchar(255) NOT NULL,
  `state` varchar(255) NOT NULL,
  `attempts` BIGINT NOT NULL,
  `nextAttemptAt` datetime(6) NOT NULL,
  `createdAt` datetime(6) NOT NULL,
  `updatedAt` datetime(6) NOT NULL,
  KEY `alert-delivery_receiver_nextAttemptAt` (`receiver`, `nextAttemptAt`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
