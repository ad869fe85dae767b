# Stands in for heartexlabs/label-studio: the released package with the official
# image's port, data path, user and environment. Context: a folder with requirements.lock.
FROM python:3.11-slim-bookworm
ENV LS_DIR=/label-studio \
    HOME=/label-studio \
    LABEL_STUDIO_BASE_DATA_DIR=/label-studio/data \
    OPT_DIR=/opt/heartex/instance-data/etc \
    DJANGO_SETTINGS_MODULE=core.settings.label_studio \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
COPY requirements.lock /tmp/
RUN sed -e '/--hash/d' -e 's/ \\$//' /tmp/requirements.lock > /tmp/constraints.txt \
    && pip install --no-cache-dir --constraint /tmp/constraints.txt label-studio==1.23.2 \
    && mkdir -p /label-studio/data /opt/heartex/instance-data/etc \
    && chown -R 1001:0 /label-studio /opt/heartex && chmod -R g=u /label-studio
WORKDIR /label-studio
VOLUME /label-studio/data
USER 1001
EXPOSE 8080
CMD ["label-studio"]
