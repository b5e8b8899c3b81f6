#!/usr/bin/env bash
# Surprise: "commonLabels" of a kustomization changes who may connect. kustomize adds the labels to every selector it
#   knows, and among these is the one in a NetworkPolicy that names the pods that are let in. These belong to others
#   and do not have the label: all of them are shut out.
# Versions: kubectl 1.20.2 of Debian 12 (package kubernetes-client 1.20.5+really1.20.2), with its built-in kustomize.
# Would have broken: a state proxy that an overlay gives the label of its plant. It is ready, its service is there, and
#   the gateways of the cluster time out.
# Seen: 2026-11-29.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
debs() { apt-get download -qq -o APT::Sandbox::User=root "$@" 2>/dev/null; }
package='kubernetes-client=1.20.5*'
debs "$package" || { apt-get update -qq && debs "$package"; } ||
  { echo 'The package cannot be downloaded.' >&2; exit 2; }
dpkg -x *.deb root

cat >policy.yaml <<'END'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: proxy
spec:
  podSelector:
    matchLabels:
      app: proxy
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app: gateway
END
cat >kustomization.yaml <<'END'
resources:
  - policy.yaml
commonLabels:
  plant: north
END
timeout 20 root/usr/bin/kubectl kustomize . >built
sed -n '/^  ingress:/,/^  podSelector:/p' built | sed '$d' >seen

cat >recorded <<'END'
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: gateway
          plant: north
END
echo "kubernetes-client $(dpkg-deb -f kubernetes-client_*.deb Version)"
echo 'Expected: the peers of the policy as they were written: app: gateway, and nothing else.'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
