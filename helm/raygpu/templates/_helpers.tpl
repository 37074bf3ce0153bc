{{- define "raygpu.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "raygpu.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "raygpu.labels" -}}
{{ include "raygpu.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "raygpu.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "raygpu.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "raygpu.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "raygpu.configMap" -}}
{{- default (printf "%s-config" (include "raygpu.fullname" .)) .Values.existingConfigMap -}}
{{- end -}}

{{/* "true" where the records lie in the embedded Valkey, else nothing. */}}
{{- define "raygpu.embedded" -}}
{{- if not (or .Values.redis.url .Values.redis.existingSecret) -}}true{{- end -}}
{{- end -}}

{{/* The parts of this mode, as YAML {parts: […]}. `web` is the one that takes Slack's requests. */}}
{{- define "raygpu.parts" -}}
parts: {{ ternary (list "run") (list "web" "worker" "scheduler") (eq .Values.mode "run") | toJson }}
{{- end -}}

{{/* Which part takes Slack's requests. */}}
{{- define "raygpu.door" -}}
{{- ternary "run" "web" (eq .Values.mode "run") -}}
{{- end -}}

{{/* The name of a part's objects: (dict "root" $ "part" "web"). */}}
{{- define "raygpu.partName" -}}
{{- if eq .part "run" -}}
{{- include "raygpu.fullname" .root -}}
{{- else -}}
{{- printf "%s-%s" (include "raygpu.fullname" .root) .part -}}
{{- end -}}
{{- end -}}

{{/* The selector of a part's pods: (dict "root" $ "part" "web"). */}}
{{- define "raygpu.partSelector" -}}
{{ include "raygpu.selector" .root }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}
