-- The platform's tables, as far as this server knows them, for a deployment without the platform's own database.

CREATE TABLE IF NOT EXISTS "analytics" (
  "id" text NOT NULL PRIMARY KEY,
  "count" integer,
  "type" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL
);

CREATE TABLE IF NOT EXISTS "user" (
  "id" text NOT NULL PRIMARY KEY,
  "name" text NOT NULL,
  "isGuest" boolean NOT NULL DEFAULT 1,
  "inviteCode" text,
  "did" text,
  "ageVerified" boolean DEFAULT 0,
  "isDeactivated" boolean DEFAULT 0,
  "deactivatedAt" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  UNIQUE ("inviteCode")
);

CREATE TABLE IF NOT EXISTS "location" (
  "id" text NOT NULL PRIMARY KEY,
  "name" text NOT NULL,
  "slugifiedName" text NOT NULL,
  "sceneId" text,
  "isLobby" boolean DEFAULT 0,
  "isFeatured" boolean DEFAULT 0,
  "maxUsersPerInstance" integer NOT NULL DEFAULT 50,
  "projectId" text,
  "updatedBy" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  UNIQUE ("slugifiedName")
);

CREATE TABLE IF NOT EXISTS "instance" (
  "id" text NOT NULL PRIMARY KEY,
  "roomCode" text NOT NULL,
  "ipAddress" text,
  "channelId" text,
  "podName" text,
  "ended" boolean DEFAULT 0,
  "assigned" boolean DEFAULT 0,
  "assignedAt" text,
  "locationId" text,
  "projectId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL
);

CREATE TABLE IF NOT EXISTS "instance-attendance" (
  "id" text NOT NULL PRIMARY KEY,
  "isChannel" boolean,
  "ended" boolean DEFAULT 0,
  "userId" text,
  "instanceId" text,
  "peerId" text,
  "peerIndex" integer,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE SET NULL,
  FOREIGN KEY ("instanceId") REFERENCES "instance" ("id") ON DELETE SET NULL
);

CREATE TABLE IF NOT EXISTS "channel" (
  "id" text NOT NULL PRIMARY KEY,
  "name" text,
  "instanceId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL
);

CREATE TABLE IF NOT EXISTS "channel-user" (
  "id" text NOT NULL PRIMARY KEY,
  "isOwner" boolean NOT NULL DEFAULT 0,
  "userId" text,
  "channelId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL
);

CREATE TABLE IF NOT EXISTS "identity-provider" (
  "id" text NOT NULL PRIMARY KEY,
  "token" text,
  "accountIdentifier" text,
  "oauthToken" text,
  "oauthRefreshToken" text,
  "email" text,
  "type" text NOT NULL,
  "userId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL
);

CREATE TABLE IF NOT EXISTS "scope" (
  "id" text NOT NULL PRIMARY KEY,
  "userId" text,
  "type" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL
);

CREATE TABLE IF NOT EXISTS "user-api-key" (
  "id" text NOT NULL PRIMARY KEY,
  "token" text NOT NULL,
  "userId" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  UNIQUE ("token")
);

CREATE TABLE IF NOT EXISTS "engine-setting" (
  "id" text NOT NULL PRIMARY KEY,
  "key" text NOT NULL,
  "value" text,
  "category" text NOT NULL,
  "type" text NOT NULL DEFAULT 'private',
  "jsonKey" text,
  "dataType" text DEFAULT 'string',
  "updatedBy" text,
  "createdAt" text NOT NULL,
  "updatedAt" text NOT NULL,
  UNIQUE ("key", "category")
);
