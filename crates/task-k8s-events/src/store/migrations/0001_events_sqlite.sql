CREATE TABLE IF NOT EXISTS "k8s-event" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "cluster" varchar(255) NOT NULL,
  "uid" varchar(255) NOT NULL,
  "namespace" varchar(255) NOT NULL,
  "name" varchar(255) NOT NULL,
  "resourceVersion" varchar(255) NOT NULL,
  "resourceVersionNumber" INTEGER NULL,
  "involvedKind" varchar(255) NOT NULL,
  "involvedNamespace" varchar(255) NULL,
  "involvedName" varchar(255) NOT NULL,
  "involvedUid" varchar(255) NULL,
  "involvedFieldPath" varchar(255) NULL,
  "involvedApiVersion" varchar(255) NULL,
  "type" varchar(255) NOT NULL,
  "reason" varchar(255) NOT NULL,
  "message" TEXT NOT NULL,
  "action" varchar(255) NULL,
  "count" INTEGER NULL,
  "seriesCount" INTEGER NULL,
  "seriesLastObserved" TEXT NULL,
  "firstSeen" TEXT NULL,
  "lastSeen" TEXT NULL,
  "eventTime" TEXT NULL,
  "creationTime" TEXT NULL,
  "sourceComponent" varchar(255) NULL,
  "sourceHost" varchar(255) NULL,
  "reportingComponent" varchar(255) NULL,
  "reportingInstance" varchar(255) NULL,
  "time" TEXT NOT NULL,
  "occurrences" INTEGER NOT NULL,
  "deletedAt" TEXT NULL,
  "createdAt" TEXT NOT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "k8s-event_time" ON "k8s-event" ("time");
CREATE INDEX IF NOT EXISTS "k8s-event_namespace_time" ON "k8s-event" ("namespace", "time");
CREATE INDEX IF NOT EXISTS "k8s-event_involvedName_time" ON "k8s-event" ("involvedName", "time");
CREATE INDEX IF NOT EXISTS "k8s-event_reason_time" ON "k8s-event" ("reason", "time");
CREATE INDEX IF NOT EXISTS "k8s-event_type_time" ON "k8s-event" ("type", "time");
CREATE TABLE IF NOT EXISTS "k8s-event-gap" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "cluster" varchar(255) NOT NULL,
  "namespace" varchar(255) NULL,
  "from" TEXT NOT NULL,
  "fromVersion" varchar(255) NOT NULL,
  "to" TEXT NOT NULL,
  "toVersion" varchar(255) NOT NULL,
  "why" varchar(255) NOT NULL,
  "createdAt" TEXT NOT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "k8s-event-gap_to" ON "k8s-event-gap" ("to");
CREATE TABLE IF NOT EXISTS "k8s-event-cursor" (
  "cluster" varchar(255) NOT NULL PRIMARY KEY,
  "epoch" INTEGER NOT NULL,
  "cursor" TEXT NULL,
  "updatedAt" TEXT NOT NULL
);
