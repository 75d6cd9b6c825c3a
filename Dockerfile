# syntax=docker/dockerfile:1
# Two images from one checkout: `web` without torch, and `worker` with the numerics, for the CPU or for CUDA.
#   docker build --target web .
#   docker build --target worker --build-arg TORCH_INDEX_URL=... .
# TORCH_INDEX_URL names the package index with the PyTorch builds to use: one of CPU builds (small), or of one CUDA
# version (see PyTorch's installation page). Without it pip's own default is taken, which on x86-64 brings CUDA.
ARG PYTHON_VERSION=3.11

# ---------------------------------------------------------------- what both images share
FROM python:${PYTHON_VERSION}-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PATH=/opt/venv/bin:$PATH \
    HUB_DATA_DIR=/var/lib/hub
# One number for the account in every image, so that volumes can move between them.
RUN groupadd --system --gid 10001 hub \
    && useradd --system --uid 10001 --gid hub --home-dir /var/lib/hub --no-create-home --shell /usr/sbin/nologin hub \
    && install --directory --owner hub --group hub /var/lib/hub
WORKDIR /srv/hub

# ---------------------------------------------------------------- requirements, in stages that stay out of the images
FROM base AS web-requirements
COPY requirements/base.txt requirements/
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --requirement requirements/base.txt

FROM web-requirements AS worker-requirements
ARG TORCH_INDEX_URL=""
COPY requirements/ml.txt requirements/lm.txt requirements/
RUN PIP_EXTRA_INDEX_URL="${TORCH_INDEX_URL}" pip install --no-cache-dir \
    --requirement requirements/ml.txt --requirement requirements/lm.txt

# ---------------------------------------------------------------- the images
FROM base AS code
COPY manage.py ./
COPY hub hub/
COPY frontend frontend/
COPY workers workers/
COPY catalog catalog/
COPY storage storage/
COPY kernels kernels/
COPY deploy/gunicorn.conf.py deploy/

FROM code AS web
COPY --from=web-requirements /opt/venv /opt/venv
USER 10001:10001
EXPOSE 8000
ENV HUB_WEB_BIND=0.0.0.0:8000
CMD ["gunicorn", "--config", "deploy/gunicorn.conf.py"]

FROM code AS worker
COPY --from=worker-requirements /opt/venv /opt/venv
USER 10001:10001
ENV HF_HUB_OFFLINE=1
CMD ["celery", "--app", "hub", "worker", "--queues", "cpu,gpu", "--loglevel", "INFO"]
