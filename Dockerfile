# The portal alone: no Spark, no moto, no test tool. `docker build .` is all it takes.
# Trixie: bookworm's zlib has a critical vulnerability that is never fixed there (CVE-2023-45853). The workflow `pins`
# adds the digest of the base image in a pull request.
FROM python:3.11.14-slim-trixie AS build

WORKDIR /src
COPY requirements/portal.txt requirements/portal.txt
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements/portal.txt
COPY pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY portal portal
COPY infra/__init__.py infra/__init__.py
RUN /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11.14-slim-trixie

RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin portal
COPY --from=build /venv /venv
COPY portal/.streamlit /portal/.streamlit
WORKDIR /portal
# The one place that is written to. Declared, a volume takes on the folder's own rights; ECS gives one that is not
# to root alone.
VOLUME ["/tmp"]
USER 10001:10001
# Behind a proxy's prefix: STREAMLIT_SERVER_BASE_URL_PATH=hdp puts pages and the health check below /hdp/.
ENV HOME=/tmp PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 CMD ["python", "-m", "portal.core.health"]
CMD ["python", "-m", "streamlit", "run", "/venv/lib/python3.11/site-packages/portal/ui/asgi.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
