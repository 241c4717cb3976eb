"""The CloudFormation template keeps what it promises; nothing here was run against Amazon.

What is asserted is the committed file, parsed, with the answers that Amazon documents for the
policies and patterns in it.
"""

import json
import re
import shlex
from typing import Any, get_args

import pytest
from parsed_template import (
    ACCOUNT,
    FILE,
    REGION,
    RESOURCES,
    TEMPLATE,
    Stack,
    as_list,
    every_stack,
    nodes,
    of_type,
    parse,
    references,
)

from deployments.aws.document import rendered
from deployments.aws.template import HEAD, SECTIONS, TAIL
from unvoiced.access.roles import Place, Role
from unvoiced.aws.kms import key_arn
from unvoiced.aws.sts import role_arn
from unvoiced.cli.operator import _named
from unvoiced.config import KMS_NAMES, StoreName
from unvoiced.config import Role as VaultName
from unvoiced.sections import WATCH_PLACES, RetentionSettings, WatchSettings
from unvoiced.stores import open_store

STACK = Stack()


def test_the_committed_template_is_what_the_modules_write() -> None:
    """Nobody edits the file, or the table and the modules, without the other."""
    current = FILE.read_text(encoding="utf-8") == rendered()
    assert current, (
        f"{FILE.name} is stale: run `python -m deployments.aws` and commit what it wrote"
    )


def test_the_file_says_what_the_data_says() -> None:
    """Short functions, one-line mappings and comments change nothing of the meaning."""
    resources = {
        name: resource.as_node()
        for section in SECTIONS
        for name, resource in section.resources.items()
    }
    data = json.loads(json.dumps({**HEAD, "Resources": resources, **TAIL}))
    assert parse(rendered()) == data


def test_no_resource_is_written_in_two_sections() -> None:
    """A name given twice would silently replace the first."""
    names = [name for section in SECTIONS for name in section.resources]
    assert len(names) == len(set(names)) == len(RESOURCES)


def test_a_template_of_this_size_is_told_to_go_through_a_bucket() -> None:
    """Above 51,200 bytes CloudFormation takes a template from S3 only, up to a megabyte."""
    size = len(FILE.read_bytes())
    readme = FILE.with_name("README.md").read_text(encoding="utf-8")
    assert size < 1_000_000
    assert size <= 51_200 or "--s3-bucket" in readme


def test_whatever_is_referred_to_exists() -> None:
    """Every Ref, GetAtt and Sub names a parameter, a resource or one of Amazon's own values."""
    known = {*TEMPLATE["Parameters"], *RESOURCES}
    strange = {
        name for name in references(TEMPLATE) if name not in known and not name.startswith("AWS::")
    }
    assert not strange


def test_every_parameter_and_condition_is_used() -> None:
    """A setting that changes nothing would be believed."""
    used = set(references([RESOURCES, TEMPLATE["Conditions"]]))
    assert TEMPLATE["Parameters"].keys() <= used
    tested = {
        one["Fn::If"][0] for one in nodes(RESOURCES) if isinstance(one, dict) and "Fn::If" in one
    }
    tested |= {one["Condition"] for one in RESOURCES.values() if "Condition" in one}
    assert tested == TEMPLATE["Conditions"].keys()


def test_nothing_refers_to_what_a_condition_left_out() -> None:
    """Under every combination of answers all references lead somewhere."""
    made = list(every_stack())
    assert len(made) == 144
    assert {"LogSigningKey" in one.resources for one in made} == {True, False}
    assert {"WorkerProfile" in one.resources for one in made} == {True, False}
    assert {"WatcherProfile" in one.resources for one in made} == {True, False}
    assert {"AlarmMail" in one.resources for one in made} == {True, False}


def test_every_parameter_stands_in_one_group_of_the_console() -> None:
    """None is left at the end without a heading."""
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(TEMPLATE["Parameters"])


def test_every_parameter_says_what_it_is() -> None:
    """The console shows nothing else."""
    assert all(parameter.get("Description") for parameter in TEMPLATE["Parameters"].values())


@pytest.mark.parametrize(
    "setting", ["raw_backstop_days", "archive_days", "noncurrent_days", "incomplete_upload_days"]
)
def test_retention_parameters_default_to_the_settings(setting: str) -> None:
    """A bucket's lifecycle and [retention] agree unless somebody says otherwise in both."""
    parameter = TEMPLATE["Parameters"][setting.title().replace("_", "")]
    assert parameter["Default"] == getattr(RetentionSettings(), setting)
    assert (parameter["Type"], parameter["MinValue"]) == ("Number", 1)


@pytest.mark.parametrize(
    "name", [name for name in TEMPLATE["Parameters"] if name.endswith("PrincipalArn")]
)
def test_no_principal_can_be_everybody_or_a_whole_account(name: str) -> None:
    """A wildcard, an account or its root in a trust policy would let in more than one."""
    pattern = TEMPLATE["Parameters"][name]["AllowedPattern"]
    assert re.search(
        pattern, f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/People_1"
    )
    one = f"arn:aws:iam::{ACCOUNT}:role/people"
    for wide in ("*", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/*"):
        assert not re.search(pattern, wide), wide
        assert not re.search(pattern, f"{wide},{one}"), wide


def test_bucket_names_fit_with_the_longest_prefix_and_region() -> None:
    """S3 takes 63 characters; the longest prefix and region still leave room."""
    pattern = TEMPLATE["Parameters"]["NamePrefix"]["AllowedPattern"]
    prefix = "a" * 16
    assert re.search(pattern, prefix)
    assert not re.search(pattern, prefix + "a")
    longest = "ap-southeast-1"
    for one in Stack(NamePrefix=prefix).resources.values():
        if "BucketName" in one:
            assert len(one["BucketName"].replace(REGION, longest)) <= 63


def _statements() -> list[tuple[str, dict[str, Any]]]:
    """Every policy statement of the template, with the resource it is in."""
    stack = Stack(
        CeremonyPrincipalArn=f"arn:aws:iam::{ACCOUNT}:role/ceremony", KmsLogSigning="true"
    )
    return [
        (name, statement)
        for name, properties in stack.resources.items()
        for node in nodes(properties)
        if isinstance(node, dict) and "Statement" in node
        for statement in node["Statement"]
    ]


def test_nothing_is_allowed_to_everybody() -> None:
    """No Allow has the principal "*", in any of its forms."""
    allowed = [(name, one) for name, one in _statements() if one["Effect"] == "Allow"]
    assert len(allowed) > 50
    for name, one in allowed:
        principals = one.get("Principal", {})
        assert principals != "*", name
        assert all(each != "*" for value in principals.values() for each in as_list(value)), name


def test_no_action_is_allowed_by_wildcard() -> None:
    """Each action that is allowed is spelt out, `kms:*` for the account least of all."""
    for name, one in _statements():
        if one["Effect"] == "Allow":
            assert not any("*" in action for action in as_list(one["Action"])), name
        assert "NotAction" not in one
        assert "NotPrincipal" not in one


@pytest.mark.parametrize(
    ("kind", "document", "limit"),
    [
        ("AWS::IAM::RolePolicy", "PolicyDocument", 10_240),
        ("AWS::IAM::Role", "AssumeRolePolicyDocument", 2_048),
        ("AWS::KMS::Key", "KeyPolicy", 32_768),
        ("AWS::S3::BucketPolicy", "PolicyDocument", 20_480),
    ],
)
def test_policies_are_not_larger_than_amazon_takes(kind: str, document: str, limit: int) -> None:
    """With the longest prefix; white space does not count at IAM."""
    stack = Stack(NamePrefix="a" * 16, CeremonyPrincipalArn=f"arn:aws:iam::{ACCOUNT}:role/ceremony")
    for name in of_type(kind):
        text = json.dumps(stack.resources[name][document], separators=(",", ":"))
        assert len(text) <= limit, name


def _init_options(stack: Stack) -> dict[str, list[str]]:
    command, verb, folder, *rest = shlex.split(stack.outputs["InitCommand"])
    assert (command, verb, folder) == ("unvoiced", "init", "deployment")
    options: dict[str, list[str]] = {}
    for option, value in zip(rest[::2], rest[1::2], strict=True):
        options.setdefault(option, []).append(value)
    return options


def test_the_init_command_names_every_store_vault_key_and_role() -> None:
    """As `unvoiced init` itself reads it: nothing unknown to it, nothing missing."""
    options = _init_options(STACK)
    stores = _named("--store", options["--store"], get_args(StoreName))
    vaults = _named("--vault", options["--vault"], get_args(VaultName))
    keys = _named("--kms", options["--kms"], KMS_NAMES)
    roles = _named("--role", options["--role"], [role.setting for role in Role])
    watch = _named("--watch", options["--watch"], WATCH_PLACES)
    assert len(options) == 5
    assert list(stores) == list(get_args(StoreName))
    assert list(vaults) == list(get_args(VaultName))
    assert list(keys) == list(KMS_NAMES)
    assert list(roles) == [role.setting for role in Role]
    for url in (*stores.values(), *vaults.values()):
        assert open_store(url).url == url
    assert all(key_arn(arn) == arn for arn in keys.values())
    assert all(role_arn(arn) == arn for arn in roles.values())
    trail = f"s3://{STACK.resources['TrailBucket']['BucketName']}/?region={REGION}"
    assert watch == {"cloudtrail": trail, "topic": STACK.arn("AlarmTopic")}
    assert open_store(trail).url == trail
    assert WatchSettings(**watch).access_logs == ""


def test_the_init_command_leads_to_the_right_places() -> None:
    """Each name gets its own bucket, key and role."""
    options = _init_options(STACK)
    places = [*get_args(StoreName), *(f"{vault}-vault" for vault in get_args(VaultName))]
    for url, place in zip(options["--store"] + options["--vault"], places, strict=True):
        assert url.endswith(f"=s3://unvoiced-{place}-{ACCOUNT}-{REGION}/?region={REGION}")
    for option, vault in zip(options["--kms"], get_args(VaultName), strict=False):
        assert option == f"{vault}={STACK.arn(f'{vault.capitalize()}VaultKey')}"
    assert options["--kms"][-1] == f"log={STACK.arn('LogSigningKey')}"
    for option, role in zip(options["--role"], Role, strict=True):
        assert option == f"{role.setting}={STACK.arn(role.title().replace(' ', '') + 'Role')}"


def test_the_init_command_names_no_signing_key_where_there_is_none() -> None:
    """Then the log's key is made in the worker's vault."""
    options = _init_options(Stack(KmsLogSigning="false"))
    assert [one.partition("=")[0] for one in options["--kms"]] == list(get_args(VaultName))


def test_outputs_name_every_place_and_role() -> None:
    """What is in the table can be looked up, the archive too, which `init` does not know."""
    values = set(STACK.outputs.values())
    for name, one in of_type("AWS::S3::Bucket").items():
        url = f"s3://{STACK.fill(one['Properties']['BucketName'])}/?region={REGION}"
        assert url in values or name == "TrailBucket"
    assert {STACK.arn(f"{role.title().replace(' ', '')}Role") for role in Role} <= values
    keys = [place for place in Place if place.is_key]
    assert sum(value.startswith("arn:aws:kms:") for value in values) == len(keys)
