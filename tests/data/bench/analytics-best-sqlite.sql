-- The fastest exact statement for the six figures on SQLite: one pass over the attendances, and a look into the index of the users for
-- each open one. CROSS JOIN, in SQLite, fixes that order.
SELECT
  (SELECT COUNT(*) FROM "channel") AS "activeChannels",
  "users".*,
  "instances".*
FROM
  (
    SELECT
      COUNT(CASE WHEN "instance-attendance"."isChannel" = 0 THEN 1 END) AS "instanceUsers",
      COUNT(CASE WHEN "instance-attendance"."isChannel" = 1 THEN 1 END) AS "channelUsers"
    FROM "instance-attendance" CROSS JOIN "user" ON "user"."id" = "instance-attendance"."userId"
    WHERE "instance-attendance"."ended" = 0
  ) AS "users",
  (
    SELECT
      COUNT(*) AS "activeInstances",
      COUNT(DISTINCT "location"."id") AS "activeLocations",
      COUNT(DISTINCT "location"."sceneId") AS "activeScenes"
    FROM "instance" LEFT JOIN "location" ON "location"."id" = "instance"."locationId"
    WHERE "instance"."ended" = 0
  ) AS "instances";
