-- The platform's tables, as far as this server knows them, for a deployment without the platform's own database.

CREATE TABLE IF NOT EXISTS `analytics` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `count` int,
  `type` varchar(255),
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `user` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `name` varchar(255) NOT NULL,
  `isGuest` tinyint(1) NOT NULL DEFAULT 1,
  `inviteCode` varchar(255),
  `did` varchar(255),
  `ageVerified` tinyint(1) DEFAULT 0,
  `isDeactivated` tinyint(1) DEFAULT 0,
  `deactivatedAt` datetime,
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL,
  UNIQUE (`inviteCode`)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `location` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `name` varchar(255) NOT NULL,
  `slugifiedName` varchar(255) NOT NULL,
  `sceneId` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `isLobby` tinyint(1) DEFAULT 0,
  `isFeatured` tinyint(1) DEFAULT 0,
  `maxUsersPerInstance` int NOT NULL DEFAULT 50,
  `projectId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `updatedBy` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL,
  UNIQUE (`slugifiedName`)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `instance` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `roomCode` varchar(255) NOT NULL,
  `ipAddress` varchar(255),
  `channelId` varchar(255),
  `podName` varchar(255),
  `ended` tinyint(1) DEFAULT 0,
  `assigned` tinyint(1) DEFAULT 0,
  `assignedAt` datetime,
  `locationId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `projectId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `instance-attendance` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `isChannel` tinyint(1),
  `ended` tinyint(1) DEFAULT 0,
  `userId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `instanceId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `peerId` varchar(255),
  `peerIndex` int,
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL,
  FOREIGN KEY (`userId`) REFERENCES `user` (`id`) ON DELETE SET NULL,
  FOREIGN KEY (`instanceId`) REFERENCES `instance` (`id`) ON DELETE SET NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `channel` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `name` varchar(255),
  `instanceId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `channel-user` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `isOwner` tinyint(1) NOT NULL DEFAULT 0,
  `userId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `channelId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `identity-provider` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `token` varchar(255),
  `accountIdentifier` varchar(255),
  `oauthToken` varchar(255),
  `oauthRefreshToken` varchar(255),
  `email` varchar(255),
  `type` varchar(255) NOT NULL,
  `userId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `scope` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `userId` varchar(36),
  `type` varchar(255),
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `user-api-key` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `token` varchar(36) NOT NULL,
  `userId` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL,
  UNIQUE (`token`)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS `engine-setting` (
  `id` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
  `key` varchar(255) NOT NULL,
  `value` varchar(4095),
  `category` varchar(255) NOT NULL,
  `type` varchar(255) NOT NULL DEFAULT 'private',
  `jsonKey` varchar(255),
  `dataType` varchar(10) DEFAULT 'string',
  `updatedBy` char(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  `createdAt` datetime NOT NULL,
  `updatedAt` datetime NOT NULL,
  UNIQUE (`key`, `category`)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
