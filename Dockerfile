# raygpu's image: the bot without its sandbox. Two stages, so that what builds is not in what runs.
#   docker build -t raygpu:0.1.0 .
#   docker build -t raygpu:0.1.0 --build-arg PYTHON_DIGEST=sha256:… .     (the base by digest, as a release should)
ARG PYTHON_TAG=3.11-slim-bookworm
ARG PYTHON_DIGEST=

FROM python:${PYTHON_TAG}${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# The virtual environment gets no pip of its own: the build stage's pip fills it from outside.
RUN python -m venv --without-pip /opt/raygpu
COPY requirements/run.txt requirements/run.txt
# Wheels only: nothing here is compiled, so no compiler is needed, and no package runs code of its own while it installs.
RUN pip --python /opt/raygpu/bin/python install --only-binary :all: --require-hashes -r requirements/run.txt
COPY requirements/dev.txt requirements/dev.txt
# The build backend, in the version and with the hashes that the development lock holds.
RUN awk '/^[^ #]/ {ours = /^setuptools==/} ours' requirements/dev.txt > build.txt \
    && pip install --only-binary :all: --require-hashes -r build.txt
COPY . .
RUN pip wheel --no-deps --no-build-isolation --no-index -w /wheel . \
    && pip --python /opt/raygpu/bin/python install --no-deps --no-index /wheel/*.whl \
    && /opt/raygpu/bin/raygpu --version

FROM python:${PYTHON_TAG}${PYTHON_DIGEST:+@${PYTHON_DIGEST}}
LABEL org.opencontainers.image.title="raygpu" \
      org.opencontainers.image.description="GPU clusters for Ray on Amazon EKS, from Slack"
# What the base brings for installing goes; the folder of the embedded Valkey belongs to the bot's user.
RUN rm -rf /usr/local/lib/python3.11/site-packages/* /usr/local/lib/python3.11/ensurepip \
           /usr/local/bin/pip* /usr/local/bin/wheel \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/raygpu
COPY --from=build /opt/raygpu /opt/raygpu
# HOME: a numeric user has no line in /etc/passwd, and slack_sdk asks for the home folder when it is imported.
ENV PATH=/opt/raygpu/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RAYGPU_DATA_DIR=/var/lib/raygpu
USER 10001:10001
WORKDIR /
EXPOSE 3000
# raygpu run | web | worker | scheduler | setup; SIGTERM lets visits under way end (25 s).
ENTRYPOINT ["raygpu"]
CMD ["run"]
