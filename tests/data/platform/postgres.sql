-- The platform's own tables, with the meaning that mysql.sql gives them: times in UTC without a zone, and the indexes which MySQL
-- builds for foreign keys.

CREATE TABLE "analytics" (
  "id" char(36) NOT NULL,
  "count" integer,
  "type" varchar(255),
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "user" (
  "id" char(36) NOT NULL,
  "name" varchar(255) NOT NULL,
  "isGuest" boolean NOT NULL DEFAULT true,
  "inviteCode" varchar(255),
  "did" varchar(255),
  "ageVerified" boolean DEFAULT false,
  "isDeactivated" boolean DEFAULT false,
  "deactivatedAt" timestamp,
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "user_inviteCode_unique" UNIQUE ("inviteCode")
);

CREATE TABLE "location" (
  "id" char(36) NOT NULL,
  "name" varchar(255) NOT NULL,
  "slugifiedName" varchar(255) NOT NULL,
  "sceneId" varchar(255),
  "isLobby" boolean DEFAULT false,
  "isFeatured" boolean DEFAULT false,
  "maxUsersPerInstance" integer NOT NULL DEFAULT 50,
  "projectId" char(36),
  "updatedBy" char(36),
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "location_slugifiedName_unique" UNIQUE ("slugifiedName")
);

CREATE TABLE "instance" (
  "id" char(36) NOT NULL,
  "roomCode" varchar(255) NOT NULL,
  "ipAddress" varchar(255),
  "channelId" varchar(255),
  "podName" varchar(255),
  "ended" boolean DEFAULT false,
  "assigned" boolean DEFAULT false,
  "assignedAt" timestamp,
  "locationId" char(36),
  "projectId" char(36),
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "instance-attendance" (
  "id" char(36) NOT NULL,
  "isChannel" boolean,
  "ended" boolean DEFAULT false,
  "userId" char(36),
  "instanceId" char(36),
  "peerId" varchar(255),
  "peerIndex" integer,
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "instance_attendance_userid_foreign" FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE SET NULL,
  CONSTRAINT "instance_attendance_instanceid_foreign" FOREIGN KEY ("instanceId") REFERENCES "instance" ("id") ON DELETE SET NULL
);
CREATE INDEX "instance_attendance_userid_index" ON "instance-attendance" ("userId");
CREATE INDEX "instance_attendance_instanceid_index" ON "instance-attendance" ("instanceId");

CREATE TABLE "channel" (
  "id" char(36) NOT NULL,
  "name" varchar(255),
  "instanceId" char(36),
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "channel-user" (
  "id" char(36) NOT NULL,
  "isOwner" boolean NOT NULL DEFAULT false,
  "userId" char(36),
  "channelId" char(36),
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "identity-provider" (
  "id" char(36) NOT NULL,
  "token" varchar(255),
  "accountIdentifier" varchar(255),
  "oauthToken" varchar(255),
  "oauthRefreshToken" varchar(255),
  "email" varchar(255),
  "type" varchar(255) NOT NULL,
  "userId" char(36),
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "scope" (
  "id" char(36) NOT NULL,
  "userId" varchar(36),
  "type" varchar(255),
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id")
);

CREATE TABLE "user-api-key" (
  "id" char(36) NOT NULL,
  "token" varchar(36) NOT NULL,
  "userId" char(36),
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "user_api_key_token_unique" UNIQUE ("token")
);

CREATE TABLE "engine-setting" (
  "id" char(36) NOT NULL,
  "key" varchar(255) NOT NULL,
  "value" varchar(4095),
  "category" varchar(255) NOT NULL,
  "type" varchar(255) NOT NULL DEFAULT 'private',
  "jsonKey" varchar(255),
  "dataType" varchar(10) DEFAULT 'string',
  "updatedBy" char(36),
  "createdAt" timestamp NOT NULL,
  "updatedAt" timestamp NOT NULL,
  PRIMARY KEY ("id"),
  CONSTRAINT "engine_setting_key_category_unique" UNIQUE ("key", "category")
);
