CREATE TABLE IF NOT EXISTS "analytics-rollup" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "type" varchar(255) NOT NULL,
  "period" INTEGER NOT NULL,
  "start" TEXT NOT NULL,
  "last" INTEGER NOT NULL,
  "lastAt" TEXT NOT NULL,
  "min" INTEGER NOT NULL,
  "max" INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS "analytics-rollup_period_start" ON "analytics-rollup" ("period", "start");
CREATE INDEX IF NOT EXISTS "analytics-rollup_start" ON "analytics-rollup" ("start");
