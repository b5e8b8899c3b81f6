/**
 * The configuration of a server that is to listen on `port` of this machine and, if it is a proxy, to pass everything on
 * to `upstreamPort`.
 */
export type ConfigOf = (directory: string, port: number, upstreamPort: number) => string;

/** nginx as a plain reverse proxy: connections kept open on both sides, no log, a process for each core. */
export const nginxConfig: ConfigOf = (directory, port, upstreamPort) => `
daemon off;
worker_processes auto;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log crit;
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_buffer_size 512k;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  upstream cloud { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=16384;
    location / { proxy_pass http://cloud; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`;

/** HAProxy as a plain reverse proxy: connections kept open on both sides and shared, no log, a thread for each core. */
export const haproxyConfig: ConfigOf = (_directory, port, upstreamPort) => `
global
  maxconn 16384
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend devices
  bind 127.0.0.1:${port} backlog 16384
  default_backend cloud
backend cloud
  server cloud 127.0.0.1:${upstreamPort}
`;

/** mosquitto, which keeps what it has for absent clients on disk, now and then. */
export const mosquittoConfig: ConfigOf = (directory, port) => `
user root
listener ${port} 127.0.0.1
allow_anonymous true
log_type none
persistence true
persistence_location ${directory}/
max_queued_messages 0
`;
