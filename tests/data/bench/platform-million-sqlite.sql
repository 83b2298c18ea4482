-- The rows of platform-million-mysql.sql, for tables made by ../platform/sqlite.sql.

PRAGMA foreign_keys = OFF;
BEGIN;

INSERT INTO "user" ("id", "name", "isGuest", "inviteCode", "createdAt", "updatedAt")
WITH RECURSIVE numbers(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < 1000000)
SELECT printf('%08x-0000-4000-8000-%012d', seq * 2654435761 % 4294967296, seq), 'Guest #' || seq, seq % 10 <> 0,
  printf('%08x', seq * 40503 % 4294967296), datetime('now', -(seq % 720) || ' hours'), datetime('now', -(seq % 720) || ' hours')
FROM numbers ORDER BY 1;

INSERT INTO "location" ("id", "name", "slugifiedName", "sceneId", "createdAt", "updatedAt")
WITH RECURSIVE numbers(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < 2000)
SELECT printf('%08x-0000-4001-8000-%012d', seq * 2654435761 % 4294967296, seq), 'Location ' || seq, 'location-' || seq,
  printf('%08x-0000-4002-8000-%012d', (seq % 200 + 1) * 2654435761 % 4294967296, seq % 200 + 1), datetime('now'), datetime('now')
FROM numbers ORDER BY 1;

INSERT INTO "instance" ("id", "roomCode", "ipAddress", "podName", "ended", "assigned", "locationId", "createdAt", "updatedAt")
WITH RECURSIVE numbers(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < 100000)
SELECT printf('%08x-0000-4003-8000-%012d', seq * 2654435761 % 4294967296, seq), printf('%06d', seq),
  printf('10.0.%d.%d:7777', seq % 256, seq / 256 % 256), 'local-instanceserver-' || seq, seq % 10 <> 0, 1,
  printf('%08x-0000-4001-8000-%012d', (seq / 10 % 2000 + 1) * 2654435761 % 4294967296, seq / 10 % 2000 + 1),
  datetime('now', -(seq % 720) || ' hours'), datetime('now', -(seq % 720) || ' hours')
FROM numbers ORDER BY 1;

INSERT INTO "instance-attendance" ("id", "isChannel", "ended", "userId", "instanceId", "peerId", "peerIndex", "createdAt", "updatedAt")
WITH RECURSIVE numbers(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < 2000000)
SELECT printf('%08x-0000-4004-8000-%012d', seq * 2654435761 % 4294967296, seq), seq / 10 % 5 = 0, seq % 10 <> 0,
  printf('%08x-0000-4000-8000-%012d', (seq * 7919 % 1000000 + 1) * 2654435761 % 4294967296, seq * 7919 % 1000000 + 1),
  printf('%08x-0000-4003-8000-%012d', ((seq - 1) % 100000 + 1) * 2654435761 % 4294967296, (seq - 1) % 100000 + 1),
  printf('%08x-0000-4005-8000-%012d', seq * 2654435761 % 4294967296, seq), seq % 50,
  datetime('now', -(seq % 720) || ' hours'), datetime('now', -(seq % 720) || ' hours')
FROM numbers ORDER BY 1;

INSERT INTO "channel" ("id", "name", "createdAt", "updatedAt")
WITH RECURSIVE numbers(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < 20000)
SELECT printf('%08x-0000-4006-8000-%012d', seq * 2654435761 % 4294967296, seq), 'World ' || seq, datetime('now'), datetime('now')
FROM numbers ORDER BY 1;

COMMIT;
ANALYZE;
