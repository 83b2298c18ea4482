-- The platform's tables, as far as this server knows them, for a deployment without the platform's own database.

CREATE TABLE IF NOT EXISTS "analytics" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "count" integer,
  "type" varchar(255),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL
);

CREATE TABLE IF NOT EXISTS "user" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "name" varchar(255) NOT NULL,
  "isGuest" boolean NOT NULL DEFAULT true,
  "inviteCode" varchar(255),
  "did" varchar(255),
  "ageVerified" boolean DEFAULT false,
  "isDeactivated" boolean DEFAULT false,
  "deactivatedAt" timestamp(0),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL,
  UNIQUE ("inviteCode")
);

CREATE TABLE IF NOT EXISTS "location" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "name" varchar(255) NOT NULL,
  "slugifiedName" varchar(255) NOT NULL,
  "sceneId" varchar(255),
  "isLobby" boolean DEFAULT false,
  "isFeatured" boolean DEFAULT false,
  "maxUsersPerInstance" integer NOT NULL DEFAULT 50,
  "projectId" varchar(36),
  "updatedBy" varchar(36),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL,
  UNIQUE ("slugifiedName")
);

CREATE TABLE IF NOT EXISTS "instance" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "roomCode" varchar(255) NOT NULL,
  "ipAddress" varchar(255),
  "channelId" varchar(255),
  "podName" varchar(255),
  "ended" boolean DEFAULT false,
  "assigned" boolean DEFAULT false,
  "assignedAt" timestamp(0),
  "locationId" varchar(36),
  "projectId" varchar(36),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL
);

CREATE TABLE IF NOT EXISTS "instance-attendance" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "isChannel" boolean,
  "ended" boolean DEFAULT false,
  "userId" varchar(36),
  "instanceId" varchar(36),
  "peerId" varchar(255),
  "peerIndex" integer,
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL,
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE SET NULL,
  FOREIGN KEY ("instanceId") REFERENCES "instance" ("id") ON DELETE SET NULL
);

CREATE TABLE IF NOT EXISTS "channel" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "name" varchar(255),
  "instanceId" varchar(36),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL
);

CREATE TABLE IF NOT EXISTS "channel-user" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "isOwner" boolean NOT NULL DEFAULT false,
  "userId" varchar(36),
  "channelId" varchar(36),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL
);

CREATE TABLE IF NOT EXISTS "identity-provider" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "token" varchar(255),
  "accountIdentifier" varchar(255),
  "oauthToken" varchar(255),
  "oauthRefreshToken" varchar(255),
  "email" varchar(255),
  "type" varchar(255) NOT NULL,
  "userId" varchar(36),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL
);

CREATE TABLE IF NOT EXISTS "scope" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "userId" varchar(36),
  "type" varchar(255),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL
);

CREATE TABLE IF NOT EXISTS "user-api-key" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "token" varchar(36) NOT NULL,
  "userId" varchar(36),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL,
  UNIQUE ("token")
);

CREATE TABLE IF NOT EXISTS "engine-setting" (
  "id" varchar(36) NOT NULL PRIMARY KEY,
  "key" varchar(255) NOT NULL,
  "value" varchar(4095),
  "category" varchar(255) NOT NULL,
  "type" varchar(255) NOT NULL DEFAULT 'private',
  "jsonKey" varchar(255),
  "dataType" varchar(10) DEFAULT 'string',
  "updatedBy" varchar(36),
  "createdAt" timestamp(0) NOT NULL,
  "updatedAt" timestamp(0) NOT NULL,
  UNIQUE ("key", "category")
);
