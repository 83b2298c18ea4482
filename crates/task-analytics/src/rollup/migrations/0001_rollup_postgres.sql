CREATE TABLE IF NOT EXISTS "analytics-rollup" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "type" varchar(255) NOT NULL,
  "period" INTEGER NOT NULL,
  "start" timestamp(6) NOT NULL,
  "last" INTEGER NOT NULL,
  "lastAt" timestamp(6) NOT NULL,
  "min" INTEGER NOT NULL,
  "max" INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS "analytics-rollup_period_start" ON "analytics-rollup" ("period", "start" NULLS FIRST);
CREATE INDEX IF NOT EXISTS "analytics-rollup_start" ON "analytics-rollup" ("start" NULLS FIRST);
