"""Hold: while one is in force, garbage collection deletes nothing. Routine: what is done now and then, and when."""

from django.db import models


class Hold(models.Model):
    """Somebody copies what the database refers to. It runs out by itself: a killed backup blocks nothing for long."""

    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()


class Routine(models.Model):
    """When something that the hub does now and then was last begun, by whichever process."""

    name = models.CharField(max_length=40, primary_key=True)
    begun_at = models.DateTimeField()
