"""For which processors pipelines want an environment, as their pools say."""

from tests.unit.domain.conftest import PIPELINE, POOL


def test_environments_are_wanted_for_the_processors_of_the_pools_of_their_pipelines(workshop):
    workshop.pool("arms", POOL.replace("D2s_v5", "D2ps_v5"))
    workshop.pipeline("demo")
    assert workshop.load().environments == {"media": ["amd64"]}
    workshop.changed("pool: cpu", "pool: arms", name="other")
    assert workshop.load().environments == {"media": ["amd64", "arm64"]}


def test_the_environment_of_the_engines_own_program_is_wanted_too(workshop):
    workshop.pipeline("demo", PIPELINE.replace("  environment: media\n", ""))
    assert workshop.load().environments == {"media": ["amd64"]}
