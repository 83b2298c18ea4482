-- Nulls first, as records are sorted, so that the newest are found in the order of the index.
CREATE TABLE IF NOT EXISTS "k8s-event" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "cluster" varchar(255) NOT NULL,
  "uid" varchar(255) NOT NULL,
  "namespace" varchar(255) NOT NULL,
  "name" varchar(255) NOT NULL,
  "resourceVersion" varchar(255) NOT NULL,
  "resourceVersionNumber" BIGINT NULL,
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
  "count" BIGINT NULL,
  "seriesCount" BIGINT NULL,
  "seriesLastObserved" timestamp(6) NULL,
  "firstSeen" timestamp(6) NULL,
  "lastSeen" timestamp(6) NULL,
  "eventTime" timestamp(6) NULL,
  "creationTime" timestamp(6) NULL,
  "sourceComponent" varchar(255) NULL,
  "sourceHost" varchar(255) NULL,
  "reportingComponent" varchar(255) NULL,
  "reportingInstance" varchar(255) NULL,
  "time" timestamp(6) NOT NULL,
  "occurrences" BIGINT NOT NULL,
  "deletedAt" timestamp(6) NULL,
  "createdAt" timestamp(6) NOT NULL,
  "updatedAt" timestamp(6) NOT NULL
);
CREATE INDEX IF NOT EXISTS "k8s-event_time" ON "k8s-event" ("time" NULLS FIRST);
CREATE INDEX IF NOT EXISTS "k8s-event_namespace_time" ON "k8s-event" ("namespace", "time" NULLS FIRST);
CREATE INDEX IF NOT EXISTS "k8s-event_involvedName_time" ON "k8s-event" ("involvedName", "time" NULLS FIRST);
CREATE INDEX IF NOT EXISTS "k8s-event_reason_time" ON "k8s-event" ("reason", "time" NULLS FIRST);
CREATE INDEX IF NOT EXISTS "k8s-event_type_time" ON "k8s-event" ("type", "time" NULLS FIRST);
CREATE TABLE IF NOT EXISTS "k8s-event-gap" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "cluster" varchar(255) NOT NULL,
  "namespace" varchar(255) NULL,
  "from" timestamp(6) NOT NULL,
  "fromVersion" varchar(255) NOT NULL,
  "to" timestamp(6) NOT NULL,
  "toVersion" varchar(255) NOT NULL,
  "why" varchar(255) NOT NULL,
  "createdAt" timestamp(6) NOT NULL,
  "updatedAt" timestamp(6) NOT NULL
);
CREATE INDEX IF NOT EXISTS "k8s-event-gap_to" ON "k8s-event-gap" ("to");
CREATE TABLE IF NOT EXISTS "k8s-event-cursor" (
  "cluster" varchar(255) NOT NULL PRIMARY KEY,
  "epoch" BIGINT NOT NULL,
  "cursor" TEXT NULL,
  "updatedAt" timestamp(6) NOT NULL
);
