import type { FailureReason } from './cloud-results.js';

/** What whoever is called can do, by why nothing was learnt from the cloud: one sentence each, for log, page and `check`. */
export const FAILURE_REMEDIES: Readonly<Record<FailureReason, string>> = {
  dns: 'See that the host in STATEWAY_UPSTREAM_URL is spelt right and that the DNS server of this machine knows it.',
  refused:
    'See that host and port in STATEWAY_UPSTREAM_URL are right and that the firewall lets connections to them out.',
  tls: 'If a firewall here opens TLS, put its CA certificate into STATEWAY_UPSTREAM_CA_FILE; else see that the clock is right and the certificate is for this host.',
  timeout: 'See whether the line is up and whether the firewall drops connections to the cloud.',
  reset: 'See whether a firewall or proxy on the way cuts connections to the cloud.',
  status: "The cloud, or a balancer before it, is failing: see the cloud's status page. It is tried again by itself.",
  not_the_cloud:
    "Something else answers in the cloud's place: log in to the network's portal, have the firewall let the cloud's host through, or correct STATEWAY_UPSTREAM_URL.",
  proxy: 'See that HTTPS_PROXY names the right proxy, with its credentials, and that it lets the cloud through.',
};
