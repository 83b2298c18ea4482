CREATE TABLE IF NOT EXISTS `monitoring` (
  `id` varchar(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `instance` varchar(255) NOT NULL,
  `databaseLatencyMicros` BIGINT NULL,
  `databaseConnections` BIGINT NULL,
  `redisLatencyMicros` BIGINT NULL,
  `kubernetesLatencyMicros` BIGINT NULL,
  `residentBytes` BIGINT NULL,
  `cpuMillicores` BIGINT NULL,
  `eventLoopLagMicros` BIGINT NOT NULL,
  `createdAt` datetime(6) NOT NULL,
  `updatedAt` datetime(6) NOT NULL,
  KEY `monitoring_createdAt` (`createdAt`)
) DEFAULT CHARACTER SET utf8mb4;
