# The serving image: an export behind `python -m pipelines.serve`, without Keras code, data or training.
#   docker build -t inductive-serve .
#   docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -p 127.0.0.1:8080:8080 -v "$PWD/runs/genomics/RUN/exports/genomics:/model:ro" inductive-serve
ARG BASE=python:3.11-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS build
COPY requirements-serving.txt /build/
# pip lives in a venv of its own, so that the one that is shipped holds neither pip nor its cache. The C++ headers that
# come with TensorFlow serve only to compile against it.
RUN python3 -m venv /build/pip \
 && python3 -m venv --without-pip /opt/venv \
 && /build/pip/bin/pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check \
      --require-hashes --only-binary=:all: -r /build/requirements-serving.txt \
 && rm -rf /opt/venv/lib/python3*/site-packages/tensorflow/include

# hadolint ignore=DL3006
FROM ${BASE}
RUN groupadd --gid 10001 serve && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin serve \
 && mkdir /model
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY pipelines/__init__.py pipelines/quiet.py pipelines/
COPY pipelines/serve pipelines/serve/
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
# What follows the image's name on the command line comes after these, and the last of two equal flags counts.
ENTRYPOINT ["python", "-m", "pipelines.serve", "/model", "--host", "0.0.0.0", "--port", "8080"]
