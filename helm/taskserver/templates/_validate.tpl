{{/* Combinations of values that cannot work, or that would write a secret where everyone can read it. */}}
{{- define "taskserver.validate" -}}
{{- $config := .Values.config | default dict -}}
{{- if ($config.database).password -}}
{{- fail "config.database.password: a ConfigMap is no place for a password: set secrets.databasePassword" -}}
{{- end -}}
{{- if regexMatch "^[A-Za-z]+://[^/@]*:[^/@]+@" (($config.database).url | default "") -}}
{{- fail "config.database.url: a ConfigMap is no place for a password: set secrets.databaseUrl, or the URL without it and secrets.databasePassword" -}}
{{- end -}}
{{- if ($config.redis).password -}}
{{- fail "config.redis.password: a ConfigMap is no place for a password: set secrets.redisPassword" -}}
{{- end -}}
{{- if (($config.redis).sentinel).password -}}
{{- fail "config.redis.sentinel.password: a ConfigMap is no place for a password: set secrets.redisSentinelPassword" -}}
{{- end -}}
{{- if ($config.authentication).secret -}}
{{- fail "config.authentication.secret: a ConfigMap is no place for a secret: set secrets.authenticationSecret" -}}
{{- end -}}
{{- $effective := include "taskserver.effective" . | fromYaml -}}
{{- if gt (int $effective.replicaCount) 1 -}}
{{- if include "taskserver.embedded" . -}}
{{- fail "replicaCount: the embedded database is a file that one replica writes: set a database (secrets.databaseUrl) for more than one" -}}
{{- end -}}
{{- if eq (($config.leadership).mode | default "") "always" -}}
{{- fail "config.leadership.mode: with `always` each of several replicas runs all tasks: leave it out, so that they elect the one that does" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.rbac.create (include "taskserver.usesApi" .) (eq (include "taskserver.serviceAccountName" .) "default") -}}
{{- fail "rbac.create: the rights would go to the namespace's default service account, and so to every pod of it: set serviceAccount.create or serviceAccount.name" -}}
{{- end -}}
{{- if and .Values.dropIn.enabled (not .Values.sql) (not .Values.mariadb) -}}
{{- fail "dropIn.enabled: the platform's values are needed, with its `sql` or `mariadb`: take them with `helm get values RELEASE --all`" -}}
{{- end -}}
{{- end -}}
