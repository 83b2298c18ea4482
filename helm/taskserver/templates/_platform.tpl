{{/*
Drop-in mode: the environment that the platform's own chart gives its task server, from the same values. What it writes in
plain text into the Deployment or a ConfigMap, passwords included, is in a Secret here.
*/}}

{{- define "taskserver.platform.releaseName" -}}
{{- (.Values.release).name | default (include "taskserver.release" .) -}}
{{- end -}}

{{/* What goes into the Secret. The platform's own variables count over those of `extraEnv`. */}}
{{- define "taskserver.platform.secret" -}}
{{- $environment := dict -}}
{{- range $name, $value := (.Values.taskserver).extraEnv -}}
{{- if not (kindIs "map" $value) -}}
{{- $_ := set $environment $name (ternary $value (toJson $value) (kindIs "string" $value)) -}}
{{- end -}}
{{- end -}}
{{- if .Values.sql -}}
{{- $_ := set $environment "MYSQL_PASSWORD" (.Values.sql.password | default "" | toString) -}}
{{- else if not (.Values.mariadb).enabled -}}
{{- $_ := set $environment "MYSQL_PASSWORD" (((.Values.mariadb).db).password | default "" | toString) -}}
{{- end -}}
{{- toYaml $environment -}}
{{- end -}}

{{- define "taskserver.platform.env" -}}
{{- $release := include "taskserver.platform.releaseName" . -}}
{{- $prefix := $release | upper | replace "-" "_" -}}
{{- $environment := printf "%s-environment" (include "taskserver.fullname" .) -}}
- name: SERVER_MODE
  value: task
- name: KUBERNETES
  value: "true"
{{- if .Values.sql }}
- name: MYSQL_USER
  value: {{ .Values.sql.user | default "server" | toString | quote }}
- name: MYSQL_DATABASE
  value: {{ .Values.sql.database | default "ir-engine" | toString | quote }}
- name: MYSQL_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $environment }}
      key: MYSQL_PASSWORD
- name: MYSQL_HOST
  value: {{ .Values.sql.host | required "sql.host: the platform's database is needed" | toString | quote }}
- name: MYSQL_PORT
  value: {{ .Values.sql.port | default 3304 | int | quote }}
{{- else }}
{{- $mariadb := .Values.mariadb }}
- name: MYSQL_USER
  value: {{ $mariadb.db.user | toString | quote }}
- name: MYSQL_DATABASE
  value: {{ $mariadb.db.name | toString | quote }}
- name: MYSQL_PASSWORD
  valueFrom:
    secretKeyRef:
      {{- if $mariadb.enabled }}
      {{- $fullname := $mariadb.fullnameOverride | default (printf "%s-%s" (include "taskserver.release" .) ($mariadb.nameOverride | default .Values.dropIn.chart)) }}
      name: {{ $mariadb.existingSecret | default $fullname | trunc 63 | trimSuffix "-" }}
      key: mariadb-password
      {{- else }}
      name: {{ $environment }}
      key: MYSQL_PASSWORD
      {{- end }}
- name: MYSQL_HOST
  value: {{ $mariadb.externalHost | toString | quote }}
- name: MYSQL_PORT
  value: {{ $mariadb.externalPort | int | quote }}
{{- end }}
- name: REDIS_ENABLED
  value: "true"
- name: REDIS_ADDRESS
  value: $({{ $prefix }}_REDIS_MASTER_SERVICE_HOST)
- name: REDIS_PORT
  value: $({{ $prefix }}_REDIS_MASTER_SERVICE_PORT)
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $release }}-redis
      key: redis-password
- name: RELEASE_NAME
  value: {{ $release | quote }}
{{- range $name, $value := (.Values.taskserver).extraEnv }}
{{- if and (kindIs "map" $value) (hasKey $value "valueFrom") }}
- name: {{ $name }}
  valueFrom:
    {{- toYaml $value.valueFrom | nindent 4 }}
{{- end }}
{{- end }}
{{- end -}}
