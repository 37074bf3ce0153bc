{{/* What does not go together is refused here, each with what to do about it. */}}
{{- define "raygpu.checks" -}}
{{- $embedded := include "raygpu.embedded" . -}}
{{- if not .Values.image.repository -}}
{{- fail "image.repository is empty: give the repository that you pushed raygpu's image to." -}}
{{- end -}}
{{- if not .Values.slack.existingSecret -}}
{{- fail "slack.existingSecret is empty: make a Secret with Slack's tokens and give its name." -}}
{{- end -}}
{{- if and .Values.redis.url .Values.redis.existingSecret -}}
{{- fail "redis.url and redis.existingSecret are both set: give one of them." -}}
{{- end -}}
{{- if contains "@" .Values.redis.url -}}
{{- fail "redis.url carries a password: put the whole address into a Secret and name it in redis.existingSecret." -}}
{{- end -}}
{{- if and $embedded (ne .Values.mode "run") -}}
{{- fail "mode split needs a Redis that all parts reach: set redis.url or redis.existingSecret, or use mode run." -}}
{{- end -}}
{{- if and $embedded (gt (int .Values.run.replicas) 1) -}}
{{- fail "run.replicas is more than 1, but the embedded Valkey serves one pod: set redis.url or redis.existingSecret, or run.replicas to 1." -}}
{{- end -}}
{{- if and .Values.config .Values.existingConfigMap -}}
{{- fail "config and existingConfigMap are both set: give one of them." -}}
{{- end -}}
{{- if .Values.ingress.enabled -}}
{{- if ne .Values.slack.mode "http" -}}
{{- fail "ingress.enabled is true, but in Socket Mode nothing comes in: set slack.mode to http, or ingress.enabled to false." -}}
{{- end -}}
{{- if not .Values.ingress.host -}}
{{- fail "ingress.host is empty: give the host name of the Request URL in Slack's app settings." -}}
{{- end -}}
{{- end -}}
{{- end -}}
