"""Composition root: settings, URL table, ASGI and Celery applications, server, supervisor."""
