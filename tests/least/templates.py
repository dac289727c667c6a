"""A merged change of infra/: whatever the infra role may change in the two stacks."""

from __future__ import annotations

from pathlib import Path

from act.changes import replace, settings

STACK = (
    ("NoncurrentDays: 365", "NoncurrentDays: 300"),
    ("Sid: NoOtherEncryption", "Sid: OurEncryption"),
    ("ScanOnPush: true", "ScanOnPush: false"),
    ("Sid: TheProductionAccountPullsImages", "Sid: ProductionPullsImages"),
    ("Sid: TheProductionAccountServesPackages", "Sid: ProductionServesPackages"),
    ('TopicName: !Sub "${Project}-alarms"', 'TopicName: !Sub "${Project}-alarms"\n      DisplayName: alarms'),
    ("Sid: AlarmsAndTheBudgetOfThisAccount", "Sid: AlarmsAndTheBudget"),
    ("Threshold: 80", "Threshold: 90"),
    ("Description: pipeline, jobs, endpoints; registers", "Description: jobs, endpoints; registers"),
    ("      Policies:\n", "      Policies:\n{more}"),
)
GITHUB = (
    ("Description: plan and status; changes", "Description: plan, status; changes"),
    ("Description: image, pipeline, outcome, data;", "Description: image, pipeline, data;"),
    ("Description: stage, promote, rollback, prune,", "Description: stage, promote, rollback,"),
    *(
        (f"        - PolicyName: {name}\n", f"{{more}}        - PolicyName: {name}\n")
        for name in ("look", "pipeline", "deploy")
    ),
)
MORE = """        - PolicyName: more
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - { Sid: OneMore, Effect: Allow, Action: "pricing:GetProducts", Resource: "*" }
"""
EMAIL = ('alarm_email = ""', 'alarm_email = "alarms@example.com"')


def changed(root: Path) -> None:
    """Change the templates of a working tree."""
    replace(root / "infra/stack.yml", *((old, new.replace("{more}", MORE)) for old, new in STACK))
    replace(root / "infra/github.yml", *((old, new.replace("{more}", MORE)) for old, new in GITHUB))
    settings(EMAIL)(root)


def widened_boundary(root: Path) -> None:
    """Let every role do more than an administrator has agreed to."""
    replace(root / "infra/stack.yml", ('              - "kms:DescribeKey"\n', '              - "kms:*"\n'))


def widened_trust(root: Path) -> None:
    """Let another workflow take the role that approves."""
    file = "/.github/workflows/{}.yml@refs/heads/main"
    replace(root / "infra/github.yml", (file.format("production"), file.format("anything")))
