CREATE TABLE IF NOT EXISTS `leadership` (
  `name` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `holder` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
  `term` BIGINT NOT NULL,
  `renewals` BIGINT NOT NULL,
  `durationMillis` BIGINT NOT NULL,
  `acquiredAt` datetime(6) NOT NULL,
  `renewedAt` datetime(6) NOT NULL
) DEFAULT CHARACTER SET utf8mb4;
