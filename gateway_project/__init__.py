"""Composition root: settings, URL table, ASGI application, Celery application and the supervisor."""
