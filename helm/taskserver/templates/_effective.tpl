{{/*
Values in effect. In drop-in mode a value of the platform's own chart (`taskserver.*`) is taken where it is set, and where
neither sets one, the default is the platform's.
*/}}

{{/* The keys of the platform's `taskserver` that mean the same here, over ours. The image and its resources do not. */}}
{{- define "taskserver.effective" -}}
{{- $platform := ternary (.Values.taskserver | default dict) dict .Values.dropIn.enabled -}}
{{- $account := $platform.serviceAccount | default dict -}}
{{- $service := $platform.service | default dict -}}
replicaCount: {{ $platform.replicaCount | default .Values.replicaCount | int }}
imagePullSecrets: {{ $platform.imagePullSecrets | default .Values.imagePullSecrets | toJson }}
nodeSelector: {{ $platform.nodeSelector | default .Values.nodeSelector | toJson }}
tolerations: {{ $platform.tolerations | default .Values.tolerations | toJson }}
affinity: {{ $platform.affinity | default .Values.affinity | toJson }}
service:
  type: {{ $service.type | default .Values.service.type }}
  port: {{ $service.port | default (ternary 3030 .Values.service.port .Values.dropIn.enabled) | int }}
serviceAccount:
  create: {{ ternary $account.create .Values.serviceAccount.create (hasKey $account "create") }}
  name: {{ $account.name | default .Values.serviceAccount.name | quote }}
  annotations: {{ $account.annotations | default .Values.serviceAccount.annotations | toJson }}
{{- end -}}

{{- define "taskserver.serviceAccountName" -}}
{{- $account := (include "taskserver.effective" . | fromYaml).serviceAccount -}}
{{- $account.name | default (ternary (include "taskserver.fullname" .) "default" $account.create) -}}
{{- end -}}

{{/* The port that the server listens on. */}}
{{- define "taskserver.port" -}}
{{- $port := ternary 3030 5050 .Values.dropIn.enabled -}}
{{- if .Values.dropIn.enabled -}}
{{- with ((.Values.taskserver).extraEnv).TASKSERVER_PORT -}}
{{- if not (kindIs "map" .) -}}
{{- $port = . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- ((.Values.config).http).port | default $port | int -}}
{{- end -}}

{{/* The name of the port that has the metrics. */}}
{{- define "taskserver.metricsPort" -}}
{{- ternary "admin" "http" (not (empty ((.Values.config).http).admin_port)) -}}
{{- end -}}

{{/* "true" where the server keeps its data in a file: no other database is named anywhere. */}}
{{- define "taskserver.embedded" -}}
{{- $database := (.Values.config).database | default dict -}}
{{- $secret := .Values.secrets.databaseUrl -}}
{{- $elsewhere := or .Values.dropIn.enabled $secret.existingSecret $secret.value $database.url_file -}}
{{- if and $database.url (not (hasPrefix "sqlite:" $database.url)) -}}
{{- $elsewhere = true -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if or (hasPrefix "MYSQL_" .name) (hasPrefix "TASKSERVER__DATABASE__URL" .name) -}}
{{- $elsewhere = true -}}
{{- end -}}
{{- end -}}
{{- if not $elsewhere -}}true{{- end -}}
{{- end -}}

{{/* "true" where the server asks the Kubernetes API for something. */}}
{{- define "taskserver.usesApi" -}}
{{- if or .Values.rbac.events.enabled .Values.rbac.agones.enabled .Values.rbac.leases.enabled -}}true{{- end -}}
{{- end -}}

{{/*
The secrets in use: what they set, and the Secret and key that have them. An existing Secret counts before a value.
*/}}
{{- define "taskserver.secrets" -}}
{{- $keys := dict
  "databaseUrl" "TASKSERVER__DATABASE__URL_FILE"
  "databasePassword" "TASKSERVER__DATABASE__PASSWORD_FILE"
  "databaseCa" "TASKSERVER__DATABASE__TLS__CA_FILE"
  "redisPassword" "TASKSERVER__REDIS__PASSWORD_FILE"
  "redisSentinelPassword" "TASKSERVER__REDIS__SENTINEL__PASSWORD_FILE"
  "redisCa" "TASKSERVER__REDIS__TLS__CA_FILE"
  "authenticationSecret" "TASKSERVER__AUTHENTICATION__SECRET_FILE"
  "jwtPublicKey" "TASKSERVER__AUTHENTICATION__JWT_PUBLIC_KEY_FILE" -}}
{{- $secrets := list -}}
{{- range $name, $secret := .Values.secrets -}}
{{- if or $secret.existingSecret $secret.value -}}
{{- $secrets = append $secrets (dict
  "file" (kebabcase $name)
  "variable" (get $keys $name)
  "secret" ($secret.existingSecret | default (include "taskserver.fullname" $))
  "key" $secret.key
  "value" (ternary "" $secret.value (not (empty $secret.existingSecret)))) -}}
{{- end -}}
{{- end -}}
{{- dict "list" $secrets | toJson -}}
{{- end -}}
