CREATE TABLE IF NOT EXISTS "task-state" (
  "task" varchar(63) NOT NULL PRIMARY KEY,
  "pausedBy" varchar(255) NULL,
  "pausedReason" TEXT NULL,
  "pausedAt" TEXT NULL,
  "recurrence" TEXT NULL,
  "rescheduledBy" varchar(255) NULL,
  "rescheduledReason" TEXT NULL,
  "rescheduledAt" TEXT NULL,
  "changed" TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS "task-act" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "task" varchar(63) NOT NULL,
  "action" varchar(16) NOT NULL,
  "recurrence" TEXT NULL,
  "by" varchar(255) NOT NULL,
  "reason" TEXT NULL,
  "asked" TEXT NOT NULL,
  "instance" varchar(255) NOT NULL,
  "takenBy" varchar(255) NULL,
  "finished" TEXT NULL,
  "outcome" varchar(16) NULL,
  "detail" TEXT NULL
);
CREATE INDEX IF NOT EXISTS "task-act_asked" ON "task-act" ("asked");
CREATE INDEX IF NOT EXISTS "task-act_finished" ON "task-act" ("finished");
