# One image, one bundle per function; the Knative Services choose by `command`. For a release pin the base by digest:
# --build-arg NODE_IMAGE=node:24-slim@sha256:…
ARG NODE_IMAGE=node:24-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
# What the bundles are made from, in CycloneDX.
RUN npm sbom --omit=dev --sbom-format=cyclonedx > sbom.cdx.json
COPY . .
RUN npm run build

FROM ${NODE_IMAGE}
WORKDIR /app
COPY --from=build /src/dist/*.cjs /src/sbom.cdx.json ./
ENV NODE_ENV=production
RUN install -d -o 65532 -g 65532 cache
USER 65532:65532
# Fills the code cache, which saves a third of a cold start: each function starts, is handed one event that names no
# object, and writes what V8 has compiled when it ends. A running pod only reads it: its root file system may be read-only.
RUN set -eu; \
    export PORT=8080 MAKE_CODE_CACHE=1; \
    for bundle in *.cjs; do \
      name="${bundle%.cjs}"; \
      [ "$name" != boot ] || continue; \
      node boot.cjs "$name" & \
      node -e 'const deadline = Date.now() + 20000; \
        const url = `http://127.0.0.1:${process.env.PORT}/`; \
        const headers = { "content-type": "application/cloudevents+json" }; \
        const body = JSON.stringify({ specversion: "1.0", id: "1", source: "/build", type: "build" }); \
        const event = () => fetch(url, { method: "POST", headers, body }).then(({ status }) => process.exit(status === 204 ? 0 : 1)); \
        const probe = () => fetch(`${url}healthz`).then(event, () => { \
          if (Date.now() > deadline) process.exit(1); else setTimeout(probe, 50); }); \
        probe();'; \
      kill "$!"; wait "$!"; \
      test -s "cache/$name"; \
    done
