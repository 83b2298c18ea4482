CREATE TABLE IF NOT EXISTS "monitoring" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "instance" varchar(255) NOT NULL,
  "databaseLatencyMicros" BIGINT NULL,
  "databaseConnections" BIGINT NULL,
  "redisLatencyMicros" BIGINT NULL,
  "kubernetesLatencyMicros" BIGINT NULL,
  "residentBytes" BIGINT NULL,
  "cpuMillicores" BIGINT NULL,
  "eventLoopLagMicros" BIGINT NOT NULL,
  "createdAt" timestamp(6) NOT NULL,
  "updatedAt" timestamp(6) NOT NULL
);
CREATE INDEX IF NOT EXISTS "monitoring_createdAt" ON "monitoring" ("createdAt");
