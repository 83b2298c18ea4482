CREATE TABLE IF NOT EXISTS `alert-delivery-log` (
  `id` varchar(36) NOT NULL PRIMARY KEY,
  `subject` varchar(36) NOT NULL,
  `kind` varchar(255) NOT NULL,
  `receiver` varchar(255) NOT NULL,
  `state` varchar(255) NOT NULL,
  `attempts` BIGINT NOT NULL,
  `lastError` MEDIUMTEXT NULL,
  `updatedAt` datetime(6) NOT NULL,
  KEY `alert-delivery-log_subject` (`subject`),
  KEY `alert-delivery-log_updatedAt` (`updatedAt`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
