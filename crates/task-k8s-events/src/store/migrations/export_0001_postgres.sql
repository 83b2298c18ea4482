CREATE TABLE IF NOT EXISTS "k8s-event-export" (
  "id" varchar(36) NOT NULL PRIMARY KEY REFERENCES "k8s-event" ("id") ON DELETE CASCADE,
  "resourceVersion" varchar(255) NOT NULL
);
