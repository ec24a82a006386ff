# docker build --target server (the bot, the default) or --target pgbouncer. docker-compose.yml runs both beside PostgreSQL.

# The Python that CI runs the tests with.
FROM python:3.11-slim-trixie AS python
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1


# Only wheels, each with its hash: this image has no compiler, and nothing that is fetched can be something else.
FROM python AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements/main.txt /tmp/main.txt
RUN /opt/venv/bin/pip install --require-hashes --only-binary=:all: -r /tmp/main.txt
COPY server.py alembic.ini /app/
COPY bread_bot /app/bread_bot
RUN chmod -R a+rX /app \
    && python -m compileall -q --invalidation-mode unchecked-hash /app


FROM debian:trixie-slim AS pgbouncer
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends pgbouncer \
    && rm -rf /var/lib/apt/lists/*
COPY --chmod=644 pgbouncer/pgbouncer.ini /etc/pgbouncer/pgbouncer.ini
COPY --chmod=644 deploy/pgbouncer.sh /usr/local/bin/pgbouncer.sh
USER 10002:10002
EXPOSE 6432
# On SIGTERM it would wait for its clients to leave, on SIGINT for their transactions to end.
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/6432"]
ENTRYPOINT ["sh", "/usr/local/bin/pgbouncer.sh"]
CMD ["/etc/pgbouncer/pgbouncer.ini"]


FROM python AS server
# PostgreSQL, should it be the embedded one, asks for its user's name and home.
RUN groupadd --gid 10001 bread_bot \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /app --shell /usr/sbin/nologin bread_bot \
    && install -d -o bread_bot -g bread_bot -m 700 /app/.bread_bot
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
# What is written, is written to /tmp and to /app/.bread_bot: the data of the embedded database, where no DB_* is set.
ENV PATH=/opt/venv/bin:$PATH \
    MPLCONFIGDIR=/tmp/matplotlib
USER 10001:10001
EXPOSE 8080
# Alive, not ready: a database that is down does not come back when the bot is started again.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', os.environ.get('PORT') or 8080); c.request('GET', '/health/live'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "server.py"]
