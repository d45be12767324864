"""What bodies have to look like: the models as data, the rules beside them, compiled checks."""

from emulators.batch.validation.compiled import validate as validate
