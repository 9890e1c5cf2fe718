"""An index of three-letter groups over what was said, where the database can have one.

Without it (SQLite, or a PostgreSQL whose user may not create the extension pg_trgm) the history
searches the transcripts of the latest calls only, and says so.
"""

import structlog
from django.db import DatabaseError, migrations, transaction

INDEX = "transcript_text_trigrams"
log = structlog.get_logger(__name__)


def create(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            # NB the expression is the one that Django's icontains compares.
            cursor.execute(
                f"CREATE INDEX IF NOT EXISTS {INDEX} ON calls_transcriptentry "
                "USING gin (UPPER(text::text) gin_trgm_ops) WHERE kind = 'speech'"
            )
    except DatabaseError as problem:
        log.warning("transcripts.unindexed", error=str(problem).splitlines()[0])


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX IF EXISTS {INDEX}")


class Migration(migrations.Migration):

    dependencies = [("calls", "0004_saved_views_and_search")]

    operations = [migrations.RunPython(create, drop, elidable=False)]
