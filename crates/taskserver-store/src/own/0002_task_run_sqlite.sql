CREATE TABLE IF NOT EXISTS "task-run" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "task" varchar(63) NOT NULL,
  "scheduled" TEXT NOT NULL,
  "trigger" varchar(16) NOT NULL,
  "started" TEXT NOT NULL,
  "finished" TEXT NULL,
  "durationMicros" INTEGER NULL,
  "outcome" varchar(16) NULL,
  "interrupted" boolean NOT NULL,
  "attempt" INTEGER NOT NULL,
  "instance" varchar(255) NOT NULL,
  "term" INTEGER NULL,
  "result" TEXT NULL,
  "error" TEXT NULL
);
CREATE INDEX IF NOT EXISTS "task-run_task_scheduled" ON "task-run" ("task", "scheduled");
CREATE INDEX IF NOT EXISTS "task-run_started" ON "task-run" ("started");
