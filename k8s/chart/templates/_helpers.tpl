{{/*
The limit of memory by the number of devices: docs/sizing.md, "Memory by number of devices". No less than 768Mi, which is
what overload needs.
*/}}
{{- define "stateway.memoryLimit" -}}
{{- $devices := int .Values.devices -}}
{{- if le $devices 116000 -}}768Mi
{{- else if le $devices 161000 -}}1Gi
{{- else if le $devices 344000 -}}2Gi
{{- else -}}4Gi
{{- end -}}
{{- end -}}

{{/* What is set aside on the node: what the process holds, without the pages of files that count in the limit. */}}
{{- define "stateway.memoryRequest" -}}
{{- get (dict "768Mi" "512Mi" "1Gi" "768Mi" "2Gi" "1536Mi" "4Gi" "3Gi") (include "stateway.memoryLimit" .) -}}
{{- end -}}

{{/* Grants kept: a twentieth above the number of devices, and no fewer than by default. */}}
{{- define "stateway.tokenCacheSize" -}}
{{- $devices := int .Values.devices -}}
{{- max 100000 (add $devices (div $devices 20)) -}}
{{- end -}}

{{/* Name of the Secret with the certificate of the device side; empty without TLS. cert-manager makes it by this name. */}}
{{- define "stateway.tlsSecretName" -}}
{{- with .Values.tls -}}
{{- if .secretName -}}{{ .secretName }}
{{- else if .certManager.issuer.name -}}stateway-tls
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Where devices are served by the Service. */}}
{{- define "stateway.devicePort" -}}
{{- if include "stateway.tlsSecretName" . -}}443{{- else -}}8080{{- end -}}
{{- end -}}

{{/* The ports of MQTT that are wanted: name and number. */}}
{{- define "stateway.mqttPorts" -}}
{{- if and .Values.mqtt.tls (not (include "stateway.tlsSecretName" .)) -}}
{{- fail "mqtt.tls needs a certificate; set tls.secretName or tls.certManager" -}}
{{- end -}}
{{- if .Values.mqtt.tcp }}
- {name: mqtt, port: 1883}
{{- end }}
{{- if .Values.mqtt.tls }}
- {name: mqtts, port: 8883}
{{- end }}
{{- end -}}

{{/* The port of the cloud, or of the proxy on the way to it: the only one that the network policy lets out to. */}}
{{- define "stateway.upstreamPort" -}}
{{- $url := urlParse (.Values.upstream.httpsProxy | default .Values.upstream.url) -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $port | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end -}}

{{/* Ports that lead to the cloud: that of its API, and that of the broker that commands come from, where there is one. */}}
{{- define "stateway.cloudPorts" -}}
{{- $ports := list (include "stateway.upstreamPort" .) -}}
{{- $broker := get .Values.config "STATEWAY_MQTT_UPSTREAM_URL" -}}
{{- if and (not $broker) (eq .Values.upstream.url "https://api.losant.com") -}}
{{- $broker = "mqtts://broker.losant.com:8883" -}}
{{- end -}}
{{- if and $broker (not .Values.upstream.httpsProxy) (ne (get .Values.config "STATEWAY_COMMANDS") "off") -}}
{{- $url := urlParse $broker -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $ports = append $ports ($port | default (get (dict "mqtt" "1883" "mqtts" "8883" "ws" "80" "wss" "443") $url.scheme)) -}}
{{- end -}}
{{- uniq $ports | join "," -}}
{{- end -}}

{{/* Options that are no part of `config`, since the chart sets them: by what. Other names are refused by the schema. */}}
{{- define "stateway.setElsewhere" -}}
STATEWAY_LISTEN: "service, tls, ingress and gateway: the pod itself always listens on 0.0.0.0:8080"
STATEWAY_ADMIN_LISTEN: "networkPolicy, which says who gets there: the pod itself always listens on 0.0.0.0:9090"
STATEWAY_DATA_DIR: "spool: the volume is always mounted at the same place"
STATEWAY_UPSTREAM_URL: upstream.url
STATEWAY_MAX_SPOOL_BYTES: "spool.gibibytes, by which the volume is made too"
STATEWAY_SPOOL: "k8s/overlays/cluster, by kustomize: pods of the chart have a disk each, and share nothing"
STATEWAY_WORKERS: "workers, by which the limit of CPU is set too"
STATEWAY_TOKEN_CACHE_SIZE: "devices, by which the limit of memory is set too"
STATEWAY_TLS_CERT_FILE: tls.secretName or tls.certManager
STATEWAY_TLS_KEY_FILE: tls.secretName or tls.certManager
STATEWAY_MQTT_LISTEN: "mqtt.tcp, by which the Service gets the port too: the pod itself listens on 0.0.0.0:1883"
STATEWAY_MQTT_TLS_LISTEN: "mqtt.tls, by which the Service gets the port too: the pod itself listens on 0.0.0.0:8883"
STATEWAY_UPSTREAM_CA_FILE: upstream.caSecretName
STATEWAY_SECRET_KEY: "secretName: it is secret-key of that Secret"
STATEWAY_SECRET_KEY_FILE: "secretName: it is secret-key of that Secret"
STATEWAY_UPSTREAM_TOKEN: "secretName: it is upstream-token of that Secret"
STATEWAY_UPSTREAM_TOKEN_FILE: "secretName: it is upstream-token of that Secret"
STATEWAY_ADMIN_TLS_CERT_FILE: admin.tlsSecretName
STATEWAY_ADMIN_TLS_KEY_FILE: admin.tlsSecretName
STATEWAY_ADMIN_TOKEN: "admin.token: it is admin-token of the Secret of secretName"
STATEWAY_ADMIN_TOKEN_FILE: "admin.token: it is admin-token of the Secret of secretName"
{{- end -}}

{{/* What the proxy is told, as the ConfigMap holds it. */}}
{{- define "stateway.config" -}}
STATEWAY_LISTEN: 0.0.0.0:8080
# Beyond the pod's own loopback, for the probes and Prometheus; the network policy says who gets there.
STATEWAY_ADMIN_LISTEN: 0.0.0.0:9090
# A folder of its own in the volume: the proxy makes it and owns it, as its mode 0700 demands. The volume's root belongs
# to root.
STATEWAY_DATA_DIR: /data/spool
# The network policy lets out to its port.
STATEWAY_UPSTREAM_URL: {{ .Values.upstream.url }}
# Half of the volume (stateful-set.yaml). The alerts read it from the proxy (stateway_spool_max_bytes).
STATEWAY_MAX_SPOOL_BYTES: {{ int .Values.spool.gibibytes }}GiB
# Each pod has a disk of its own. Replicas that share what waits are another set of objects (k8s/overlays/cluster).
STATEWAY_SPOOL: lmdb
# The default is the node's cores less one, not the container's share of them.
STATEWAY_WORKERS: {{ int .Values.workers | quote }}
# Above the number of devices; the pod's limit of memory goes by that number too (docs/sizing.md).
STATEWAY_TOKEN_CACHE_SIZE: {{ include "stateway.tokenCacheSize" . | quote }}
{{- if include "stateway.tlsSecretName" . }}
STATEWAY_TLS_CERT_FILE: /tls/tls.crt
STATEWAY_TLS_KEY_FILE: /tls/tls.key
{{- end }}
{{- if .Values.mqtt.tcp }}
STATEWAY_MQTT_LISTEN: 0.0.0.0:1883
{{- end }}
{{- if .Values.mqtt.tls }}
STATEWAY_MQTT_TLS_LISTEN: 0.0.0.0:8883
{{- end }}
{{- if .Values.admin.tlsSecretName }}
STATEWAY_ADMIN_TLS_CERT_FILE: /admin-tls/tls.crt
STATEWAY_ADMIN_TLS_KEY_FILE: /admin-tls/tls.key
{{- end }}
{{- with .Values.upstream.httpsProxy }}
HTTPS_PROXY: {{ . }}
{{- end }}
{{- if .Values.upstream.caSecretName }}
STATEWAY_UPSTREAM_CA_FILE: /upstream-ca/ca.crt
{{- end }}
{{- $setElsewhere := include "stateway.setElsewhere" . | fromYaml }}
{{- range $name, $value := .Values.config }}
{{- with get $setElsewhere $name }}
{{- fail (printf "config.%s is not taken; set it by %s" $name .) }}
{{- end }}
{{- /* A number of a file of values is a float, which would be written as 1.048576e+06. */}}
{{ $name }}: {{ ternary (int64 $value) $value (kindIs "float64" $value) | toString | quote }}
{{- end }}
{{- end -}}
