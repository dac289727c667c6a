"""The stories, in the order in which they are told: cheap ones first."""

from verify_aws.stories import endpoints, jobs, pipelines, refusals

STORIES = [*refusals.STORIES, *jobs.STORIES, *pipelines.STORIES, *endpoints.STORIES]
