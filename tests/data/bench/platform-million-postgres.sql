-- The rows of platform-million-mysql.sql, for tables made by ../platform/postgres.sql.

SET session_replication_role = replica; -- no foreign key checks

CREATE FUNCTION pg_temp.id(kind text, number bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$
  SELECT lpad(to_hex(number * 2654435761 % 4294967296), 8, '0') || '-0000-' || kind || '-8000-' || lpad(number::text, 12, '0')
$$;

INSERT INTO "user" ("id", "name", "isGuest", "inviteCode", "createdAt", "updatedAt")
SELECT pg_temp.id('4000', seq), 'Guest #' || seq, seq % 10 <> 0, lpad(to_hex(seq * 40503 % 4294967296), 8, '0'), at, at
FROM generate_series(1::bigint, 1000000) seq, LATERAL (SELECT date_trunc('second', now() AT TIME ZONE 'UTC') - seq % 720 * interval '1 hour' AS at) times
ORDER BY 1;

INSERT INTO "location" ("id", "name", "slugifiedName", "sceneId", "createdAt", "updatedAt")
SELECT pg_temp.id('4001', seq), 'Location ' || seq, 'location-' || seq, pg_temp.id('4002', seq % 200 + 1), at, at
FROM generate_series(1::bigint, 2000) seq, LATERAL (SELECT date_trunc('second', now() AT TIME ZONE 'UTC') AS at) times
ORDER BY 1;

INSERT INTO "instance" ("id", "roomCode", "ipAddress", "podName", "ended", "assigned", "locationId", "createdAt", "updatedAt")
SELECT pg_temp.id('4003', seq), lpad(seq::text, 6, '0'), '10.0.' || seq % 256 || '.' || seq / 256 % 256 || ':7777',
  'local-instanceserver-' || seq, seq % 10 <> 0, true, pg_temp.id('4001', seq / 10 % 2000 + 1), at, at
FROM generate_series(1::bigint, 100000) seq, LATERAL (SELECT date_trunc('second', now() AT TIME ZONE 'UTC') - seq % 720 * interval '1 hour' AS at) times
ORDER BY 1;

INSERT INTO "instance-attendance" ("id", "isChannel", "ended", "userId", "instanceId", "peerId", "peerIndex", "createdAt", "updatedAt")
SELECT pg_temp.id('4004', seq), seq / 10 % 5 = 0, seq % 10 <> 0, pg_temp.id('4000', seq * 7919 % 1000000 + 1),
  pg_temp.id('4003', (seq - 1) % 100000 + 1), pg_temp.id('4005', seq), seq % 50, at, at
FROM generate_series(1::bigint, 2000000) seq, LATERAL (SELECT date_trunc('second', now() AT TIME ZONE 'UTC') - seq % 720 * interval '1 hour' AS at) times
ORDER BY 1;

INSERT INTO "channel" ("id", "name", "createdAt", "updatedAt")
SELECT pg_temp.id('4006', seq), 'World ' || seq, at, at
FROM generate_series(1::bigint, 20000) seq, LATERAL (SELECT date_trunc('second', now() AT TIME ZONE 'UTC') AS at) times
ORDER BY 1;

VACUUM ANALYZE;
