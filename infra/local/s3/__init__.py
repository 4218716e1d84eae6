"""S3 of the laptop cloud, with objects as plain files: ``<state>/s3/<bucket>/<key>``.

moto implements the API. Its key store is replaced by the bucket's directory, so that Spark and DuckDB use the
same files as S3 clients, and a restart finds them.
"""

from infra.local.s3.api import install as install
