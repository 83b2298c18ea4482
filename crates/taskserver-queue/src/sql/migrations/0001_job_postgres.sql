CREATE TABLE IF NOT EXISTS "job" (
  "id" varchar(36) COLLATE "C" NOT NULL DEFAULT gen_random_uuid()::text PRIMARY KEY,
  "name" varchar(63) COLLATE "C" NOT NULL,
  "payload" text NOT NULL DEFAULT 'null',
  "queue" varchar(63) COLLATE "C" NOT NULL DEFAULT 'default',
  "priority" smallint NOT NULL DEFAULT 0,
  "state" varchar(16) COLLATE "C" NOT NULL DEFAULT 'scheduled',
  "runAt" timestamp(6) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
  "attempt" integer NOT NULL DEFAULT 0,
  "maxAttempts" integer NOT NULL DEFAULT 11,
  "worker" varchar(255) NULL,
  "leaseUntil" timestamp(6) NULL,
  "uniqueKey" varchar(190) COLLATE "C" NULL,
  "uniqueUntil" timestamp(6) NULL,
  "batch" varchar(190) COLLATE "C" NULL,
  "afterBatch" varchar(190) COLLATE "C" NULL,
  "error" text NULL,
  "createdAt" timestamp(6) NOT NULL DEFAULT (now() AT TIME ZONE 'UTC'),
  "startedAt" timestamp(6) NULL,
  "finishedAt" timestamp(6) NULL
);
CREATE INDEX IF NOT EXISTS "job_queued" ON "job" ("queue", "priority", "runAt", "id") WHERE "state" = 'queued';
CREATE INDEX IF NOT EXISTS "job_scheduled" ON "job" ("runAt") WHERE "state" = 'scheduled';
CREATE INDEX IF NOT EXISTS "job_running" ON "job" ("leaseUntil") WHERE "state" = 'running';
CREATE INDEX IF NOT EXISTS "job_waiting" ON "job" ("afterBatch") WHERE "state" = 'waiting';
CREATE INDEX IF NOT EXISTS "job_dead" ON "job" ("queue", "name") WHERE "state" = 'dead';
CREATE INDEX IF NOT EXISTS "job_batch" ON "job" ("batch") WHERE "batch" IS NOT NULL AND "finishedAt" IS NULL;
CREATE INDEX IF NOT EXISTS "job_finishedAt" ON "job" ("finishedAt") WHERE "finishedAt" IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS "job_unique" ON "job" ("name", "uniqueKey") WHERE "uniqueKey" IS NOT NULL;
