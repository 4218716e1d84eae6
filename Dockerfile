# The portal alone: no Spark, no moto, no test tool. `docker build .` is all it takes.
FROM python:3.11.14-slim-bookworm AS build

WORKDIR /src
COPY requirements/portal.txt requirements/portal.txt
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements/portal.txt
COPY pyproject.toml README.md ./
COPY pipeline pipeline
COPY portal portal
COPY infra/__init__.py infra/__init__.py
RUN /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11.14-slim-bookworm

RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin portal
COPY --from=build /venv /venv
COPY portal/.streamlit /portal/.streamlit
WORKDIR /portal
USER 10001:10001
ENV HOME=/tmp PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["python", "-m", "streamlit", "run", "/venv/lib/python3.11/site-packages/portal/app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
