"""Where Celery keeps the results of a night's chunks, as its own models (5.6) describe the tables."""

from django.db import migrations

TABLES = """
CREATE SEQUENCE IF NOT EXISTS task_id_sequence;
CREATE TABLE IF NOT EXISTS celery_taskmeta (
    id integer PRIMARY KEY DEFAULT nextval('task_id_sequence'), task_id varchar(155) UNIQUE, status varchar(50),
    result bytea, date_done timestamp without time zone, traceback text, name varchar(155), args bytea, kwargs bytea,
    worker varchar(155), retries integer, queue varchar(155)
);
CREATE INDEX IF NOT EXISTS ix_celery_taskmeta_date_done ON celery_taskmeta (date_done);
CREATE SEQUENCE IF NOT EXISTS taskset_id_sequence;
CREATE TABLE IF NOT EXISTS celery_tasksetmeta (
    id integer PRIMARY KEY DEFAULT nextval('taskset_id_sequence'), taskset_id varchar(155) UNIQUE, result bytea,
    date_done timestamp without time zone
);
CREATE INDEX IF NOT EXISTS ix_celery_tasksetmeta_date_done ON celery_tasksetmeta (date_done);
"""
NONE = """
DROP TABLE celery_tasksetmeta, celery_taskmeta;
DROP SEQUENCE taskset_id_sequence, task_id_sequence;
"""


class Migration(migrations.Migration):
    dependencies = [("summarization", "0001_tables")]
    operations = [migrations.RunSQL(TABLES, NONE)]
