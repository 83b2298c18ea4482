-- The fastest exact statement for the six figures on PostgreSQL: one parallel pass over the attendances and a hash join with the users.
-- `ended = false` is false for NULL too.
SELECT
  (SELECT COUNT(*) FROM "channel") AS "activeChannels",
  "users".*,
  "instances".*
FROM
  (
    SELECT
      COUNT(CASE WHEN "instance-attendance"."isChannel" = false THEN 1 END) AS "instanceUsers",
      COUNT(CASE WHEN "instance-attendance"."isChannel" = true THEN 1 END) AS "channelUsers"
    FROM "instance-attendance" JOIN "user" ON "user"."id" = "instance-attendance"."userId"
    WHERE "instance-attendance"."ended" = false
  ) AS "users",
  (
    SELECT
      COUNT(*) AS "activeInstances",
      COUNT(DISTINCT "location"."id") AS "activeLocations",
      COUNT(DISTINCT "location"."sceneId") AS "activeScenes"
    FROM "instance" LEFT JOIN "location" ON "location"."id" = "instance"."locationId"
    WHERE "instance"."ended" = false
  ) AS "instances";
