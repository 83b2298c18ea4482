CREATE TABLE IF NOT EXISTS "k8s-event-count" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "reason" varchar(255) NOT NULL,
  "type" varchar(255) NOT NULL,
  "period" INTEGER NOT NULL,
  "start" TEXT NOT NULL,
  "count" BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS "k8s-event-count_period_start" ON "k8s-event-count" ("period", "start");
CREATE INDEX IF NOT EXISTS "k8s-event-count_start" ON "k8s-event-count" ("start");
