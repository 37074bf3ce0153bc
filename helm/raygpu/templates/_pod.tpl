{{/* The pod template of a part: (dict "root" $ "part" "web"). */}}
{{- define "raygpu.pod" -}}
{{- $values := .root.Values -}}
{{- $part := index $values .part -}}
{{- $embedded := include "raygpu.embedded" .root -}}
metadata:
  labels:
    {{- /* ours last: a selector's label must not be overridden */}}
    {{- merge (include "raygpu.partSelector" . | fromYaml) (include "raygpu.labels" .root | fromYaml) $values.podLabels | toYaml | nindent 4 }}
  annotations:
    kubectl.kubernetes.io/default-container: raygpu
    {{- if not $values.existingConfigMap }}
    checksum/config: {{ toYaml $values.config | sha256sum }}
    {{- end }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "raygpu.serviceAccount" .root }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- if not $values.security.hostUsers }}
  hostUsers: false
  {{- end }}
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ $values.security.runAsUser }}
    runAsGroup: {{ $values.security.runAsGroup }}
    fsGroup: {{ $values.security.runAsGroup }}
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with $values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  containers:
    - name: raygpu
      image: {{ include "raygpu.image" .root | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: [{{ .part }}]
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      env: {{- include "raygpu.env" .root | nindent 8 }}
      ports:
        - {name: http, containerPort: 3000, protocol: TCP}
      {{- /* An embedded Valkey first reads its file, so a start may take minutes. */}}
      startupProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 2
        timeoutSeconds: 3
        failureThreshold: 90
      livenessProbe:
        httpGet: {path: /healthz, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /readyz, port: http}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 3
      resources: {{- toYaml $part.resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: config, mountPath: /etc/raygpu, readOnly: true}
        - {name: secrets, mountPath: /var/run/secrets/raygpu, readOnly: true}
        {{- if $embedded }}
        - {name: data, mountPath: /var/lib/raygpu}
        {{- end }}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes: {{- include "raygpu.volumes" .root | nindent 4 }}
  {{- include "raygpu.placement" . | nindent 2 }}
{{- end -}}

{{/* The environment. Secrets come as files, so that no `kubectl describe`, no crash report and no child process shows them. */}}
{{- define "raygpu.env" -}}
{{- $secrets := "/var/run/secrets/raygpu" -}}
- {name: HOME, value: /tmp}
- {name: RAYGPU_LOG, value: json}
- {name: RAYGPU_HTTP_PORT, value: "3000"}
- {name: RAYGPU_CONFIG, value: /etc/raygpu/config.yaml}
- {name: SLACK_BOT_TOKEN_FILE, value: {{ $secrets }}/SLACK_BOT_TOKEN}
{{- if eq .Values.slack.mode "socket" }}
- {name: SLACK_APP_TOKEN_FILE, value: {{ $secrets }}/SLACK_APP_TOKEN}
{{- else }}
- {name: SLACK_SIGNING_SECRET_FILE, value: {{ $secrets }}/SLACK_SIGNING_SECRET}
{{- end }}
{{- with .Values.slack.apiUrl }}
- {name: SLACK_API_URL, value: {{ . | quote }}}
{{- end }}
{{- if .Values.redis.existingSecret }}
- {name: RAYGPU_REDIS_URL_FILE, value: {{ $secrets }}/RAYGPU_REDIS_URL}
{{- else if .Values.redis.url }}
- {name: RAYGPU_REDIS_URL, value: {{ .Values.redis.url | quote }}}
{{- else }}
- {name: RAYGPU_DATA_DIR, value: /var/lib/raygpu}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "raygpu.volumes" -}}
{{- /* In memory: gunicorn's heartbeat is a file there, and a slow disk must not look like a hung worker. */ -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
- name: config
  configMap:
    name: {{ include "raygpu.configMap" . }}
    items: [{key: config.yaml, path: config.yaml}]
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .Values.slack.existingSecret }}
          items:
            - {key: {{ .Values.slack.keys.botToken }}, path: SLACK_BOT_TOKEN}
            {{- if eq .Values.slack.mode "socket" }}
            - {key: {{ .Values.slack.keys.appToken }}, path: SLACK_APP_TOKEN}
            {{- else }}
            - {key: {{ .Values.slack.keys.signingSecret }}, path: SLACK_SIGNING_SECRET}
            {{- end }}
      {{- with .Values.redis.existingSecret }}
      - secret:
          name: {{ . }}
          items: [{key: {{ $.Values.redis.key }}, path: RAYGPU_REDIS_URL}]
      {{- end }}
{{- if include "raygpu.embedded" . }}
- name: data
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-data" (include "raygpu.fullname" .)) .Values.persistence.existingClaim }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where the pods of a part go. */}}
{{- define "raygpu.placement" -}}
{{- $values := .root.Values -}}
{{- if and $values.topologySpread.enabled (gt (int (index $values .part).replicas) 1) -}}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- include "raygpu.partSelector" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{ end -}}
{{- with $values.nodeSelector -}}
nodeSelector: {{- toYaml . | nindent 2 }}
{{ end -}}
{{- with $values.tolerations -}}
tolerations: {{- toYaml . | nindent 2 }}
{{ end -}}
{{- with $values.affinity -}}
affinity: {{- toYaml . | nindent 2 }}
{{ end -}}
{{- end -}}
