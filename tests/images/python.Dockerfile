# Debian's Python with its venv module: a base for deploy/Dockerfile where the official image cannot be had.
ARG DEBIAN=debian:trixie
FROM ${DEBIAN}
RUN apt-get update -q && apt-get install -q -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
