# RabbitMQ from Debian's package, used like the official image. Bookworm has 3.10, trixie 4.0.
ARG DEBIAN=debian:trixie
FROM ${DEBIAN}
RUN apt-get update -q && apt-get install -q -y --no-install-recommends rabbitmq-server && rm -rf /var/lib/apt/lists/*
# As in the official image: guest may come from outside the container, and the log goes to the engine.
RUN mkdir -p /etc/rabbitmq/conf.d && printf 'loopback_users.guest = false\nlog.console = true\n' \
    >/etc/rabbitmq/conf.d/10-defaults.conf
# Debian's own command serves root and the service alone; RabbitMQ's scripts run as who calls them.
ENV PATH=/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
USER rabbitmq
VOLUME /var/lib/rabbitmq
EXPOSE 5672
CMD ["rabbitmq-server"]
