# Label Studio as the official image has it, with a server that is mended (see
# ls_integration/server/mended.py). Build it from the repository:
#   docker build -f compose/label-studio.Dockerfile .
FROM python:3.11-slim-bookworm AS parts
COPY compose/requirements.lock /
# Pure Python, so that whichever Python the official image has can run it.
RUN pip install --no-cache-dir --require-hashes --no-deps --no-compile --target /parts \
    -r /requirements.lock

FROM heartexlabs/label-studio:1.23.2

COPY --from=parts /parts /opt/ls-integration
COPY ls_integration/__init__.py ls_integration/errors.py ls_integration/first_answers.py \
    /opt/ls-integration/ls_integration/
COPY ls_integration/server/__init__.py ls_integration/server/mended.py \
    ls_integration/server/container_main.py ls_integration/server/container_setup.py \
    ls_integration/server/container_wsgi.py \
    /opt/ls-integration/ls_integration/server/

ENV PYTHONPATH=/opt/ls-integration \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

USER 1001:0
EXPOSE 8080
ENTRYPOINT ["python3", "-m", "ls_integration.server.container_main"]
CMD []
