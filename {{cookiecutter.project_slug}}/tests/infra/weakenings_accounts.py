"""Ways to weaken what lies between the two accounts, by the rule that must see each."""

from __future__ import annotations

from tests.infra import rules_accounts as rules
from tests.infra.weakening import (
    DEPLOY,
    Table,
    always,
    condition,
    inline,
    member,
    more,
    placed,
    without,
)

BUCKET = "arn:${AWS::Partition}:s3:::${Project}-${RegistryAccount}-${AWS::Region}"
OBJECTS, OUTCOMES = {"Fn::Sub": f"{BUCKET}/*"}, {"Fn::Sub": f"{BUCKET}/outcomes/*"}
RELEASES, EVALUATED = {"Fn::Sub": f"{BUCKET}/releases/*"}, {"Fn::Sub": f"{BUCKET}/releases/*/evaluate/*"}
ROLES = "arn:${AWS::Partition}:iam::${ProductionAccount}:role"
ANOTHER_ROLE = {"Fn::Sub": f"{ROLES}/*"}
PRINCIPAL = ("ArnEquals", "aws:PrincipalArn")

TABLE: Table = {
    rules.nobody_else_is_let_in: {
        "a third account pulls images": member(
            "stack",
            "Repository",
            "TheProductionAccountPullsImages",
            "Principal",
            {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::999999999999:root"}},
        ),
        "a role as a principal, which nobody can make before it is there": member(
            "stack",
            "BucketPolicy",
            "ProductionsDeployRoleWritesTheEvidence",
            "Principal",
            {"AWS": {"Fn::Sub": f"{ROLES}/${{Project}}-${{AWS::Region}}-deploy"}},
        ),
        "production's key opens to the registry's account": member(
            "production",
            "Key",
            "TheAccountDecidesThroughIam",
            "Principal",
            {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${RegistryAccount}:root"}},
        ),
    },
    rules.without_a_second_account_nobody_is_let_in: {
        "a grant to nobody's account": always(
            "stack", "BucketPolicy", "TheProductionAccountReadsModelsAndTheirProof"
        ),
        "a key for nobody's account": always("stack", "Key", "TheProductionAccountReads"),
    },
    rules.production_sees_no_data: {
        "production's account reads the data": member(
            "stack",
            "BucketPolicy",
            "TheProductionAccountReadsModelsAndTheirProof",
            "Resource",
            {"Fn::Sub": "${Bucket.Arn}/*"},
        ),
        "production's account reads what a release was trained on": member(
            "stack",
            "BucketPolicy",
            "TheProductionAccountReadsModelsAndTheirProof",
            "Resource",
            {"Fn::Sub": "${Bucket.Arn}/releases/*"},
        ),
        "production's account reads what a release was validated on": member(
            "stack",
            "BucketPolicy",
            "TheProductionAccountReadsModelsAndTheirProof",
            "Resource",
            {"Fn::Sub": "${Bucket.Arn}/releases/*/validation/*"},
        ),
        "production's deploy role asks for the data": member(
            "production", DEPLOY, "ReadModelsAndTheirProof", "Resource", OBJECTS
        ),
        "production's deploy role asks for what a release was trained on": member(
            "production", DEPLOY, "ReadModelsAndTheirProof", "Resource", RELEASES
        ),
        "production's deploy role replaces the data": member(
            "production", DEPLOY, "WriteTheEvidence", "Resource", OBJECTS
        ),
        "production's endpoint asks for the data": member(
            "production", "ExecutionRole", "ReadServedModels", "Resource", OBJECTS
        ),
        "production's endpoint asks for what a release was trained on": member(
            "production", "ExecutionRole", "ReadServedModels", "Resource", RELEASES
        ),
        "production's boundary lets the data in": member(
            "production", "Boundary", "ReadModelsAndTheirProof", "Resource", OBJECTS
        ),
        "production's boundary lets in what a release was trained on": member(
            "production", "Boundary", "ReadModelsAndTheirProof", "Resource", RELEASES
        ),
    },
    rules.only_productions_deploy_role_writes: {
        "any role of production's account writes": member(
            "stack", "BucketPolicy", "ProductionsDeployRoleWritesTheEvidence", "Condition"
        ),
        "any role of production's account reads outcomes": member(
            "stack",
            "BucketPolicy",
            "TheProductionAccountReadsModelsAndTheirProof",
            "Resource",
            {"Fn::Sub": "${Bucket.Arn}/outcomes/*"},
        ),
        "any role of production's account lists": member(
            "stack", "BucketPolicy", "ProductionsDeployRoleTellsMissingFromForbidden", "Condition"
        ),
        "any role by a pattern": condition(
            "stack", "BucketPolicy", "ProductionsDeployRoleWritesTheEvidence", *PRINCIPAL, ANOTHER_ROLE
        ),
        "any role of production's account makes data keys": condition(
            "stack", "Key", "ProductionsDeployRoleWrites", *PRINCIPAL, ANOTHER_ROLE
        ),
        "readers write": more(
            "stack", "BucketPolicy", "TheProductionAccountReadsModelsAndTheirProof", "s3:PutObject"
        ),
        "readers delete": more(
            "stack", "BucketPolicy", "TheProductionAccountReadsModelsAndTheirProof", "s3:DeleteObject"
        ),
        "readers encrypt": more("stack", "Key", "TheProductionAccountReads", "kms:GenerateDataKey"),
        "production pushes images": more(
            "stack", "Repository", "TheProductionAccountPullsImages", "ecr:PutImage"
        ),
        "production's deploy role replaces the evaluated model": member(
            "stack",
            "BucketPolicy",
            "ProductionsDeployRoleWritesTheEvidence",
            "Resource",
            {"Fn::Sub": "${Bucket.Arn}/releases/*"},
        ),
        "production's deploy role deletes evidence": more(
            "stack", "BucketPolicy", "ProductionsDeployRoleWritesTheEvidence", "s3:DeleteObject"
        ),
    },
    rules.only_productions_deploy_role_changes_packages: {
        "whoever serves packages approves them": more(
            "stack", "Registry", "TheProductionAccountServesPackages", "sagemaker:UpdateModelPackage"
        ),
        "any role of production's account approves": condition(
            "stack",
            "Registry",
            "ProductionsDeployRoleApprovesRejectsAndNotesTheProof",
            *PRINCIPAL,
            ANOTHER_ROLE,
        ),
        "production sets any status": condition(
            "stack",
            "Registry",
            "ProductionsDeployRoleApprovesRejectsAndNotesTheProof",
            "StringEqualsIfExists",
            "sagemaker:ModelApprovalStatus",
        ),
        "production registers": more(
            "stack",
            "Registry",
            "ProductionsDeployRoleApprovesRejectsAndNotesTheProof",
            "sagemaker:CreateModelPackage",
        ),
    },
    rules.the_key_opens_through_s3: {
        "production's account decrypts by itself": member(
            "stack", "Key", "TheProductionAccountReads", "Condition"
        ),
        "production's deploy role encrypts by itself": condition(
            "stack", "Key", "ProductionsDeployRoleWrites", "StringEquals", "kms:ViaService"
        ),
    },
    rules.production_only_serves: {
        "production's endpoint changes packages": inline(
            "ExecutionRole",
            "production",
            Action="sagemaker:UpdateModelPackage",
            Resource={
                "Fn::Sub": "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${RegistryAccount}"
                ":model-package/${Project}/*"
            },
        ),
        "production's endpoint writes releases": more(
            "production", "ExecutionRole", "ReadServedModels", "s3:PutObject"
        ),
        "production trains": more(
            "production", "Boundary", "EndpointOfProduction", "sagemaker:CreateTrainingJob"
        ),
        "production registers packages of its own": more(
            "production", DEPLOY, "ApproveRejectAndNoteTheProof", "sagemaker:CreateModelPackage"
        ),
        "production serves anything": more(
            "production", "Boundary", "EndpointOfProduction", "sagemaker:Create*"
        ),
    },
    rules.productions_boundary_keeps_reading_and_writing_apart: {
        "production's boundary reads outcomes": more(
            "production", "Boundary", "WriteTheEvidence", "s3:GetObject"
        ),
        "production's boundary reads outcomes beside models": member(
            "production", "Boundary", "ReadModelsAndTheirProof", "Resource", [EVALUATED, OUTCOMES]
        ),
        "production's boundary lets what was evaluated be replaced": more(
            "production", "Boundary", "ReadModelsAndTheirProof", "s3:Put*"
        ),
    },
    rules.both_accounts_agree: {
        "nobody lets production note its proof": without(
            "stack", "Registry", "ProductionsDeployRoleApprovesRejectsAndNotesTheProof"
        ),
        "earlier versions of models, which nobody reads": more(
            "stack", "BucketPolicy", "TheProductionAccountReadsModelsAndTheirProof", "s3:GetObjectVersion"
        ),
        "a release's story, which nobody reads": member(
            "stack",
            "BucketPolicy",
            "TheProductionAccountReadsModelsAndTheirProof",
            "Resource",
            {"Fn::Sub": "${Bucket.Arn}/releases/*/release.json"},
        ),
        "images that nobody lists": more(
            "stack", "Repository", "TheProductionAccountPullsImages", "ecr:DescribeImages"
        ),
        "a key that nobody looks at": more("stack", "Key", "TheProductionAccountReads", "kms:DescribeKey"),
        "nobody lets production write": without("stack", "Key", "ProductionsDeployRoleWrites"),
        "nobody lets the endpoint pull its image": placed(
            "stack", "Repository", "Properties", "RepositoryPolicyText"
        ),
        "nobody lets the endpoint read its model": member(
            "stack",
            "BucketPolicy",
            "TheProductionAccountReadsModelsAndTheirProof",
            "Condition",
            {"ArnEquals": {"aws:PrincipalArn": {"Fn::Sub": f"{ROLES}/${{Project}}-${{AWS::Region}}-deploy"}}},
        ),
    },
}
