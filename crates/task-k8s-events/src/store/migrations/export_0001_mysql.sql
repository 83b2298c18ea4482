CREATE TABLE IF NOT EXISTS `k8s-event-export` (
  `id` varchar(36) NOT NULL PRIMARY KEY,
  `resourceVersion` varchar(255) NOT NULL,
  FOREIGN KEY (`id`) REFERENCES `k8s-event` (`id`) ON DELETE CASCADE
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
