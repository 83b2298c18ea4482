CREATE TABLE IF NOT EXISTS "task-state" (
  "task" varchar(63) NOT NULL PRIMARY KEY,
  "pausedBy" varchar(255) NULL,
  "pausedReason" TEXT NULL,
  "pausedAt" timestamp(6) NULL,
  "recurrence" TEXT NULL,
  "rescheduledBy" varchar(255) NULL,
  "rescheduledReason" TEXT NULL,
  "rescheduledAt" timestamp(6) NULL,
  "changed" timestamp(6) NOT NULL
);
CREATE TABLE IF NOT EXISTS "task-act" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "task" varchar(63) NOT NULL,
  "action" varchar(16) NOT NULL,
  "recurrence" TEXT NULL,
  "by" varchar(255) NOT NULL,
  "reason" TEXT NULL,
  "asked" timestamp(6) NOT NULL,
  "instance" varchar(255) NOT NULL,
  "takenBy" varchar(255) NULL,
  "finished" timestamp(6) NULL,
  "outcome" varchar(16) NULL,
  "detail" TEXT NULL
);
CREATE INDEX IF NOT EXISTS "task-act_asked" ON "task-act" ("asked");
CREATE INDEX IF NOT EXISTS "task-act_finished" ON "task-act" ("finished");
