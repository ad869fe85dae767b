# Stands in for nginx: Debian's package, with the official image's user and curl.
ARG BASE
FROM ${BASE}
RUN groupadd --system --gid 101 nginx \
    && useradd --system --gid nginx --no-create-home --uid 101 nginx \
    && apt-get update \
    && apt-get install -y --no-install-recommends nginx curl \
    && rm -rf /var/lib/apt/lists/*
STOPSIGNAL SIGQUIT
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
