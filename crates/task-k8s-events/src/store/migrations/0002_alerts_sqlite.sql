CREATE TABLE IF NOT EXISTS "alert" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "cluster" varchar(255) NOT NULL,
  "rule" varchar(255) NOT NULL,
  "level" varchar(255) NOT NULL,
  "source" varchar(255) NOT NULL,
  "title" varchar(255) NOT NULL,
  "message" TEXT NOT NULL,
  "group" varchar(255) NOT NULL,
  "firstSeen" TEXT NOT NULL,
  "lastSeen" TEXT NOT NULL,
  "events" INTEGER NOT NULL,
  "state" varchar(255) NOT NULL,
  "resolveAt" TEXT NOT NULL,
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
  "quietUntilMicros" BIGINT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "alert-group_alert" ON "alert-group" ("alert");
CREATE INDEX IF NOT EXISTS "alert-group_updatedAt" ON "alert-group" ("updatedAt");
CREATE TABLE IF NOT EXISTS "alert-delivery" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "alert" varchar(36) NOT NULL,
  "receiver" varchar(255) NOT NULL,
  "state" varchar(255) NOT NULL,
  "attempts" INTEGER NOT NULL,
  "nextAttemptAt" TEXT NOT NULL,
  "createdAt" TEXT NOT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "alert-delivery_receiver_nextAttemptAt" ON "alert-delivery" ("receiver", "nextAttemptAt");
