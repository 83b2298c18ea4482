CREATE TABLE IF NOT EXISTS "leadership" (
  "name" varchar(255) NOT NULL PRIMARY KEY,
  "holder" varchar(255) NULL,
  "term" BIGINT NOT NULL,
  "renewals" BIGINT NOT NULL,
  "durationMillis" BIGINT NOT NULL,
  "acquiredAt" timestamp(6) NOT NULL,
  "renewedAt" timestamp(6) NOT NULL
);
