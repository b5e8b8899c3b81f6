# syntax=docker/dockerfile:1

# Builds the program and stages what ships; see k8s/image/stage.mjs.
# Node 24 is the newest LTS for which there are binaries of uWebSockets.js; they need glibc 2.38, which trixie has.
FROM node:24-trixie-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc LICENSE ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY workers ./workers
COPY k8s/image ./k8s/image
COPY packaging/commit.mjs ./packaging/commit.mjs
ARG REVISION=unknown
ENV BUILD_COMMIT=${REVISION}
RUN npm run build && node k8s/image/stage.mjs /app

# The same Debian without npm, yarn and a compiler's headers: the program needs node alone.
FROM debian:trixie-slim
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="stateway" \
      org.opencontainers.image.description="Device state ingestion proxy for the Losant IoT platform" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="debian:trixie-slim"

COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /app /app
# Volumes take owner and mode from here.
RUN install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/stateway

# A container has its own loopback: on the built-in default nothing outside could read metrics or health. Publish 9090
# where operators are, and never where devices are.
ENV NODE_ENV=production \
    PATH=/app/bin:/usr/local/bin:/usr/bin:/bin \
    STATEWAY_LISTEN=0.0.0.0:8080 \
    STATEWAY_ADMIN_LISTEN=0.0.0.0:9090 \
    STATEWAY_DATA_DIR=/var/lib/stateway

# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /var/lib/stateway
VOLUME /var/lib/stateway
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["stateway", "healthcheck"]
ENTRYPOINT ["stateway"]
CMD ["serve"]
