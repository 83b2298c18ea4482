CREATE TABLE IF NOT EXISTS "monitoring" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "instance" varchar(255) NOT NULL,
  "databaseLatencyMicros" INTEGER NULL,
  "databaseConnections" INTEGER NULL,
  "redisLatencyMicros" INTEGER NULL,
  "kubernetesLatencyMicros" INTEGER NULL,
  "residentBytes" INTEGER NULL,
  "cpuMillicores" INTEGER NULL,
  "eventLoopLagMicros" INTEGER NOT NULL,
  "createdAt" TEXT NOT NULL,
  "updatedAt" TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS "monitoring_createdAt" ON "monitoring" ("createdAt");
