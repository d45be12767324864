"""Checks the bodies of requests: models as data, rules beside them, compiled into checks."""

from emulators.batch.validation.compiled import validate as validate
