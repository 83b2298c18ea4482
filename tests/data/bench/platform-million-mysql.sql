-- The load of the analytics benchmark, for tables made by ../platform/mysql.sql: 1,000,000 users, 2,000,000 attendances and 100,000
-- instances (one in ten of both still open), 2,000 locations of 200 scenes, 20,000 channels. Every run writes the same rows, but for
-- their times, which lie in the 30 days before it. Ids start with a scrambled number (2654435761 is prime), so that rows lie in the
-- tables in no useful order, as with random UUIDs.

SET SESSION foreign_key_checks = 0, unique_checks = 0;
SET @now = UTC_TIMESTAMP();

INSERT INTO `user` (`id`, `name`, `isGuest`, `inviteCode`, `createdAt`, `updatedAt`)
SELECT CONCAT(LOWER(LPAD(HEX(seq * 2654435761 % 4294967296), 8, '0')), '-0000-4000-8000-', LPAD(seq, 12, '0')),
  CONCAT('Guest #', seq), seq % 10 <> 0, LOWER(LPAD(HEX(seq * 40503 % 4294967296), 8, '0')),
  @now - INTERVAL seq % 720 HOUR, @now - INTERVAL seq % 720 HOUR
FROM seq_1_to_1000000 ORDER BY 1;

INSERT INTO `location` (`id`, `name`, `slugifiedName`, `sceneId`, `createdAt`, `updatedAt`)
SELECT CONCAT(LOWER(LPAD(HEX(seq * 2654435761 % 4294967296), 8, '0')), '-0000-4001-8000-', LPAD(seq, 12, '0')),
  CONCAT('Location ', seq), CONCAT('location-', seq),
  CONCAT(LOWER(LPAD(HEX((seq % 200 + 1) * 2654435761 % 4294967296), 8, '0')), '-0000-4002-8000-', LPAD(seq % 200 + 1, 12, '0')), @now, @now
FROM seq_1_to_2000 ORDER BY 1;

INSERT INTO `instance` (`id`, `roomCode`, `ipAddress`, `podName`, `ended`, `assigned`, `locationId`, `createdAt`, `updatedAt`)
SELECT CONCAT(LOWER(LPAD(HEX(seq * 2654435761 % 4294967296), 8, '0')), '-0000-4003-8000-', LPAD(seq, 12, '0')),
  LPAD(seq, 6, '0'), CONCAT('10.0.', seq % 256, '.', seq DIV 256 % 256, ':7777'), CONCAT('local-instanceserver-', seq), seq % 10 <> 0, 1,
  CONCAT(LOWER(LPAD(HEX((seq DIV 10 % 2000 + 1) * 2654435761 % 4294967296), 8, '0')), '-0000-4001-8000-', LPAD(seq DIV 10 % 2000 + 1, 12, '0')),
  @now - INTERVAL seq % 720 HOUR, @now - INTERVAL seq % 720 HOUR
FROM seq_1_to_100000 ORDER BY 1;

INSERT INTO `instance-attendance` (`id`, `isChannel`, `ended`, `userId`, `instanceId`, `peerId`, `peerIndex`, `createdAt`, `updatedAt`)
SELECT CONCAT(LOWER(LPAD(HEX(seq * 2654435761 % 4294967296), 8, '0')), '-0000-4004-8000-', LPAD(seq, 12, '0')),
  seq DIV 10 % 5 = 0, seq % 10 <> 0,
  CONCAT(LOWER(LPAD(HEX((seq * 7919 % 1000000 + 1) * 2654435761 % 4294967296), 8, '0')), '-0000-4000-8000-', LPAD(seq * 7919 % 1000000 + 1, 12, '0')),
  CONCAT(LOWER(LPAD(HEX(((seq - 1) % 100000 + 1) * 2654435761 % 4294967296), 8, '0')), '-0000-4003-8000-', LPAD((seq - 1) % 100000 + 1, 12, '0')),
  CONCAT(LOWER(LPAD(HEX(seq * 2654435761 % 4294967296), 8, '0')), '-0000-4005-8000-', LPAD(seq, 12, '0')), seq % 50,
  @now - INTERVAL seq % 720 HOUR, @now - INTERVAL seq % 720 HOUR
FROM seq_1_to_2000000 ORDER BY 1;

INSERT INTO `channel` (`id`, `name`, `instanceId`, `createdAt`, `updatedAt`)
SELECT CONCAT(LOWER(LPAD(HEX(seq * 2654435761 % 4294967296), 8, '0')), '-0000-4006-8000-', LPAD(seq, 12, '0')),
  CONCAT('World ', seq), NULL, @now, @now
FROM seq_1_to_20000 ORDER BY 1;

ANALYZE TABLE `user`, `location`, `instance`, `instance-attendance`, `channel`;
