CREATE TABLE IF NOT EXISTS "alert" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "source" varchar(255) NOT NULL,
  "rule" varchar(255) NOT NULL,
  "group" varchar(255) NOT NULL,
  "cluster" varchar(255) NULL,
  "namespace" varchar(255) NULL,
  "level" varchar(255) NOT NULL,
  "title" varchar(255) NOT NULL,
  "message" TEXT NOT NULL,
  "state" varchar(255) NOT NULL,
  "firstSeen" TEXT NOT NULL,
  "lastSeen" TEXT NOT NULL,
  "events" INTEGER NOT NULL,
  "resolveAt" TEXT NULL,
  "resolvedAt" TEXT NULL,
  "deliveries" INTEGER NOT NULL,
  "createdAt" TEXT NOT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "alert_state_resolveAt" ON "alert" ("state", "resolveAt");
CREATE INDEX IF NOT EXISTS "alert_lastSeen" ON "alert" ("lastSeen");
CREATE TABLE IF NOT EXISTS "alert-group" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "alert" varchar(36) NULL,
  "recent" TEXT NOT NULL,
  "quietUntilMicros" INTEGER NULL,
  "coolDownMillis" INTEGER NOT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "alert-group_alert" ON "alert-group" ("alert");
CREATE INDEX IF NOT EXISTS "alert-group_updatedAt" ON "alert-group" ("updatedAt");
CREATE TABLE IF NOT EXISTS "report" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "source" varchar(255) NOT NULL,
  "name" varchar(255) NOT NULL,
  "title" varchar(255) NOT NULL,
  "markdown" TEXT NOT NULL,
  "createdAt" TEXT NOT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "report_createdAt" ON "report" ("createdAt");
CREATE TABLE IF NOT EXISTS "alert-delivery" (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT,
  "subject" varchar(36) NOT NULL,
  "kind" varchar(255) NOT NULL,
  "receiver" varchar(255) NOT NULL,
  "attempts" INTEGER NOT NULL,
  "nextAttemptAt" TEXT NOT NULL,
  "createdAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "alert-delivery_receiver_nextAttemptAt" ON "alert-delivery" ("receiver", "nextAttemptAt");
CREATE INDEX IF NOT EXISTS "alert-delivery_subject" ON "alert-delivery" ("subject");
CREATE INDEX IF NOT EXISTS "alert-delivery_createdAt" ON "alert-delivery" ("createdAt");
CREATE TABLE IF NOT EXISTS "alert-receiver" (
  "id" varchar(255) NOT NULL PRIMARY KEY,
  "failures" INTEGER NOT NULL,
  "nextAttemptAt" TEXT NULL,
  "lastError" TEXT NULL,
  "deliveredAt" TEXT NULL,
  "updatedAt" TEXT NOT NULL
);
