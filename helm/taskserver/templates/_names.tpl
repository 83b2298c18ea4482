{{/*
Names and labels. In drop-in mode they are those which the platform's own chart gives its task server, whatever this
release is called.
*/}}

{{/* The platform's release, in drop-in mode. */}}
{{- define "taskserver.release" -}}
{{- if .Values.dropIn.enabled -}}
{{- .Values.dropIn.release | default (.Values.release).name | required "dropIn.release: the name of the platform's Helm release is needed" -}}
{{- else -}}
{{- .Release.Name -}}
{{- end -}}
{{- end -}}

{{- define "taskserver.name" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- if .Values.dropIn.enabled -}}
{{- $name = (.Values.taskserver).nameOverride | default .Values.dropIn.chart -}}
{{- end -}}
{{- $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "taskserver.fullname" -}}
{{- $release := include "taskserver.release" . -}}
{{- $name := include "taskserver.name" . -}}
{{- $fullname := printf "%s-%s" $release $name -}}
{{- if .Values.dropIn.enabled -}}
{{- $platform := .Values.taskserver | default dict -}}
{{- $fullname = $platform.fullnameOverride | default (printf "%s-%s" $release ($platform.name | default (printf "%s-taskserver" .Values.dropIn.chart))) -}}
{{- else if .Values.fullnameOverride -}}
{{- $fullname = .Values.fullnameOverride -}}
{{- else if contains $name $release -}}
{{- $fullname = $release -}}
{{- end -}}
{{- $fullname | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Of objects that have no namespace: two releases in two namespaces must not share them. */}}
{{- define "taskserver.clusterName" -}}
{{- if .Values.dropIn.enabled -}}
{{- include "taskserver.fullname" . -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace (include "taskserver.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "taskserver.container" -}}
{{- ternary .Values.dropIn.chart .Chart.Name .Values.dropIn.enabled -}}
{{- end -}}

{{- define "taskserver.selectorLabels" -}}
app.kubernetes.io/name: {{ include "taskserver.name" . }}
app.kubernetes.io/instance: {{ include "taskserver.release" . }}
app.kubernetes.io/component: taskserver
{{- end -}}

{{- define "taskserver.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "taskserver.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "taskserver.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- with .Values.image.digest -}}
{{ $.Values.image.repository }}@{{ . }}
{{- else -}}
{{ .Values.image.repository }}:{{ $tag }}
{{- end -}}
{{- end -}}
