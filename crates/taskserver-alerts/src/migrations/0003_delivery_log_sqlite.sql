CREATE TABLE IF NOT EXISTS "alert-delivery-log" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "subject" varchar(36) NOT NULL,
  "kind" varchar(255) NOT NULL,
  "receiver" varchar(255) NOT NULL,
  "state" varchar(255) NOT NULL,
  "attempts" INTEGER NOT NULL,
  "lastError" TEXT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "alert-delivery-log_subject" ON "alert-delivery-log" ("subject");
CREATE INDEX IF NOT EXISTS "alert-delivery-log_updatedAt" ON "alert-delivery-log" ("updatedAt");
