CREATE TABLE IF NOT EXISTS "leadership" (
  "name" varchar(255) NOT NULL PRIMARY KEY,
  "holder" varchar(255) NULL,
  "term" INTEGER NOT NULL,
  "renewals" INTEGER NOT NULL,
  "durationMillis" INTEGER NOT NULL,
  "acquiredAt" TEXT NOT NULL,
  "renewedAt" TEXT NOT NULL
);
