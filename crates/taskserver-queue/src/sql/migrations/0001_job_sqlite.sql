CREATE TABLE IF NOT EXISTS "job" (
  "id" varchar(36) NOT NULL DEFAULT (lower(hex(randomblob(16)))) PRIMARY KEY,
  "name" varchar(63) NOT NULL,
  "payload" TEXT NOT NULL DEFAULT 'null',
  "queue" varchar(63) NOT NULL DEFAULT 'default',
  "priority" INTEGER NOT NULL DEFAULT 0,
  "state" varchar(16) NOT NULL DEFAULT 'scheduled',
  "runAt" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  "attempt" INTEGER NOT NULL DEFAULT 0,
  "maxAttempts" INTEGER NOT NULL DEFAULT 11,
  "worker" varchar(255) NULL,
  "leaseUntil" TEXT NULL,
  "uniqueKey" varchar(190) NULL,
  "uniqueUntil" TEXT NULL,
  "batch" varchar(190) NULL,
  "afterBatch" varchar(190) NULL,
  "error" TEXT NULL,
  "createdAt" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
  "startedAt" TEXT NULL,
  "finishedAt" TEXT NULL
);
CREATE INDEX IF NOT EXISTS "job_queued" ON "job" ("queue", "priority", "runAt", "id") WHERE "state" = 'queued';
CREATE INDEX IF NOT EXISTS "job_scheduled" ON "job" ("runAt") WHERE "state" = 'scheduled';
CREATE INDEX IF NOT EXISTS "job_running" ON "job" ("leaseUntil") WHERE "state" = 'running';
CREATE INDEX IF NOT EXISTS "job_waiting" ON "job" ("afterBatch") WHERE "state" = 'waiting';
CREATE INDEX IF NOT EXISTS "job_dead" ON "job" ("queue", "name") WHERE "state" = 'dead';
CREATE INDEX IF NOT EXISTS "job_batch" ON "job" ("batch") WHERE "batch" IS NOT NULL AND "finishedAt" IS NULL;
CREATE INDEX IF NOT EXISTS "job_finishedAt" ON "job" ("finishedAt") WHERE "finishedAt" IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS "job_unique" ON "job" ("name", "uniqueKey") WHERE "uniqueKey" IS NOT NULL;
