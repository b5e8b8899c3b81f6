#!/usr/bin/env bash
# Surprise: the same line of a manifest is one number to Kubernetes and another to the yaml package of npm. "0440" is an
#   octal number in YAML 1.1, which kubectl reads, and the decimal 440 in YAML 1.2, which yaml reads.
# Versions: kubectl 1.20.2 of Debian 12 (package kubernetes-client 1.20.5+really1.20.2), yaml 2.9.1.
# Would have broken: the tests that read a state proxy's manifests with npm's library. They find 440 for the mode of the
#   secret key and are content. They find 440 as well where somebody wrote 440, which Kubernetes takes for the octal
#   670: a key that a whole group may change.
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
echo '{"private":true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts yaml@2.9.1 ||
  { echo 'The packages cannot be installed.' >&2; exit 2; }

cat >pod.yaml <<'END'
apiVersion: v1
kind: Pod
metadata:
  name: proxy
spec:
  containers:
    - name: proxy
      image: proxy
  volumes:
    - name: key
      secret:
        secretName: key
        defaultMode: 0440
END
echo 'resources: [pod.yaml]' >kustomization.yaml
{
  timeout 20 root/usr/bin/kubectl kustomize . | sed -n 's/ *defaultMode:/kubectl:/p'
  node -e '
    const pod = require("yaml").parse(require("fs").readFileSync("pod.yaml", "utf8"));
    console.log(`yaml: ${pod.spec.volumes[0].secret.defaultMode}`);
  '
} >seen

cat >recorded <<'END'
kubectl: 288
yaml: 440
END
echo "kubernetes-client $(dpkg-deb -f kubernetes-client_*.deb Version), yaml 2.9.1"
echo 'Expected: the same number, which is 288 (octal 440).'
echo 'Seen:'
cat seen
diff recorded seen || { echo 'The behaviour has changed.' >&2; exit 1; }
