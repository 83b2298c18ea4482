-- The platform's own tables, with the meaning that mysql.sql gives them: booleans are 0 and 1, times are texts in UTC of the form
-- `YYYY-MM-DD HH:MM:SS`, and the indexes are those which MySQL builds for foreign keys.

CREATE TABLE "analytics" (
  "id" text NOT NULL,
  "count" integer,
  "type" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "user" (
  "id" text NOT NULL,
  "name" text NOT NULL,
  "isGuest" integer NOT NULL DEFAULT 1,
  "inviteCode" text,
  "did" text,
  "ageVerified" integer DEFAULT 0,
  "isDeactivated" integer DEFAULT 0,
  "deactivatedAt" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "user_inviteCode_unique" UNIQUE ("inviteCode")
);

CREATE TABLE "location" (
  "id" text NOT NULL,
  "name" text NOT NULL,
  "slugifiedName" text NOT NULL,
  "sceneId" text,
  "isLobby" integer DEFAULT 0,
  "isFeatured" integer DEFAULT 0,
  "maxUsersPerInstance" integer NOT NULL DEFAULT 50,
  "projectId" text,
  "updatedBy" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "location_slugifiedName_unique" UNIQUE ("slugifiedName")
);

CREATE TABLE "instance" (
  "id" text NOT NULL,
  "roomCode" text NOT NULL,
  "ipAddress" text,
  "channelId" text,
  "podName" text,
  "ended" integer DEFAULT 0,
  "assigned" integer DEFAULT 0,
  "assignedAt" text,
  "locationId" text,
  "projectId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "instance-attendance" (
  "id" text NOT NULL,
  "isChannel" integer,
  "ended" integer DEFAULT 0,
  "userId" text,
  "instanceId" text,
  "peerId" text,
  "peerIndex" integer,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "instance_attendance_userid_foreign" FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE SET NULL,
  CONSTRAINT "instance_attendance_instanceid_foreign" FOREIGN KEY ("instanceId") REFERENCES "instance" ("id") ON DELETE SET NULL
);
CREATE INDEX "instance_attendance_userid_index" ON "instance-attendance" ("userId");
CREATE INDEX "instance_attendance_instanceid_index" ON "instance-attendance" ("instanceId");

CREATE TABLE "channel" (
  "id" text NOT NULL,
  "name" text,
  "instanceId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "channel-user" (
  "id" text NOT NULL,
  "isOwner" integer NOT NULL DEFAULT 0,
  "userId" text,
  "channelId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "identity-provider" (
  "id" text NOT NULL,
  "token" text,
  "accountIdentifier" text,
  "oauthToken" text,
  "oauthRefreshToken" text,
  "email" text,
  "type" text NOT NULL,
  "userId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "scope" (
  "id" text NOT NULL,
  "userId" text,
  "type" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "user-api-key" (
  "id" text NOT NULL,
  "token" text NOT NULL,
  "userId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "user_api_key_token_unique" UNIQUE ("token")
);

CREATE TABLE "engine-setting" (
  "id" text NOT NULL,
  "key" text NOT NULL,
  "value" text,
  "category" text NOT NULL,
  "type" text NOT NULL DEFAULT 'private',
  "jsonKey" text,
  "dataType" text DEFAULT 'string',
  "updatedBy" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "engine_setting_key_category_unique" UNIQUE ("key", "category")
);
