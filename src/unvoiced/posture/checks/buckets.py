"""How buckets are encrypted, versioned, closed to others, logged and reached."""

from collections.abc import Iterator

from unvoiced.posture import commands
from unvoiced.posture.facts import Bucket, Encryption, NotKnown, Unknown, known
from unvoiced.posture.finding import Problem, Seen, Severity, check
from unvoiced.posture.subjects import buckets

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@check(
    "no-customer-key-encryption",
    Severity.HIGH,
    of=buckets,
    why="With a key of Amazon's own, whoever gets at the bucket gets its objects too: no key "
    "policy stands in between, no use of the key is recorded, and the key cannot be taken away.",
)
def customer_key(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Default encryption is SSE-KMS with a customer-managed key."""
    found = known(bucket.encryption)
    fix = _encrypt(bucket)
    if found is None:
        yield Problem("it has no default encryption", fix)
    elif not found.algorithm.startswith("aws:kms"):
        yield Problem(f"it is encrypted with {found.algorithm}, a key of S3's own", fix)
    elif not found.key or found.key.endswith("alias/aws/s3"):
        yield Problem("it is encrypted with aws/s3, the key that Amazon manages", fix)
    elif bucket.amazon:
        key = seen.facts.key(found.key)
        if key is None:
            raise NotKnown(Unknown(f"nothing is known of its key {found.key}"))
        if known(key.state).manager not in {"CUSTOMER", ""}:
            yield Problem(f"its key {found.key} is managed by Amazon", fix)


def _encrypt(bucket: Bucket) -> str:
    if not bucket.amazon:
        return commands.in_words(
            f"at {bucket.endpoint}: connect the server to a key service of its own, then make a "
            f"key there the default of {bucket.name}; a server that has none refuses every put "
            "once a bucket asks for one"
        )
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "KEY"},
        "BucketKeyEnabled": True,
    }
    text = commands.s3(
        "put-bucket-encryption", bucket, server_side_encryption_configuration={"Rules": [rule]}
    )
    # The quotes of the shell end before the key that is made, and begin again behind it.
    return text.replace('"KEY"', f"\"'{commands.new_key(bucket.region)}'\"")


@check(
    "no-bucket-key",
    Severity.LOW,
    of=buckets,
    why="Without a bucket key every object asks KMS: it costs, and at its rate limit ingest stops.",
)
def bucket_key(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """A bucket encrypted by KMS uses a bucket key."""
    found = known(bucket.encryption)
    if found is not None and found.key and not found.bucket_key:
        yield Problem("its bucket key is off", _use_bucket_key(bucket, found))


def _use_bucket_key(bucket: Bucket, found: Encryption) -> str:
    if not bucket.amazon:
        return commands.in_words(
            f"at {bucket.endpoint}: see whether the server has bucket keys, and switch it on there"
        )
    if found.key.endswith("alias/aws/s3"):  # setting this key again would undo that command
        return commands.in_words("the command of no-customer-key-encryption switches it on too")
    rule = {
        "ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": found.algorithm,
            "KMSMasterKeyID": found.key,
        },
        "BucketKeyEnabled": True,
    }
    return commands.s3(
        "put-bucket-encryption", bucket, server_side_encryption_configuration={"Rules": [rule]}
    )


@check(
    "versioning-off",
    Severity.HIGH,
    of=buckets,
    why="Without versions, disposal cannot name what it read: a newer upload under the same name "
    "goes with the old one, and what is overwritten or deleted by mistake is lost.",
)
def versioning(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Versioning is enabled."""
    status = known(bucket.versioning)
    if status != "Enabled":
        fix = commands.s3(
            "put-bucket-versioning", bucket, versioning_configuration={"Status": "Enabled"}
        )
        yield Problem(f"versioning is {status.lower() or 'off'}", fix)


@check(
    "public-access-not-blocked",
    Severity.HIGH,
    of=buckets,
    why="One careless policy or ACL opens the bucket to everybody; the four blocks refuse it.",
)
def public_access_block(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """All four blocks are on."""
    block = known(bucket.public_access_block)
    missing = [name for name in _BLOCKS if not block.get(name)]
    if missing:
        fix = commands.s3(
            "put-public-access-block",
            bucket,
            public_access_block_configuration=dict.fromkeys(_BLOCKS, True),
        )
        yield Problem(f"not blocked: {', '.join(missing)}", fix)


@check(
    "acls-enabled",
    Severity.MEDIUM,
    of=buckets,
    why="ACLs give access object by object, out of sight of every policy that is looked at here.",
)
def acls(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """The bucket's owner owns every object, and ACLs count for nothing."""
    owner = known(bucket.ownership)
    if owner != "BucketOwnerEnforced":
        fix = commands.s3(
            "put-bucket-ownership-controls",
            bucket,
            ownership_controls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        )
        yield Problem(f"object ownership is {owner or 'not set'}, so ACLs are on", fix)


@check(
    "access-logs-among-data",
    Severity.LOW,
    of=buckets,
    why="Access logs say who touched whose recording; in a store they are read by that store's "
    "roles, count as foreign objects, and log their own delivery.",
)
def access_logs(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Access logs go to none of the deployment's own buckets."""
    target = known(bucket.log_target)
    if target and target in {one.name for one in seen.facts.buckets}:
        fix = commands.s3("put-bucket-logging", bucket, bucket_logging_status={})
        yield Problem(f"its access logs go into the store {target}", fix)


@check(
    "stores-share-a-bucket",
    Severity.MEDIUM,
    of=buckets,
    why="Encryption, lifecycle, lock and alarms are a bucket's: what is right for one store is "
    "wrong for another, and roles are apart only by a prefix in a policy.",
)
def shared(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """Every store and vault has a bucket of its own."""
    if len(bucket.held) > 1:
        places = ", ".join(sorted(held.place for held in bucket.held))
        moved = bucket.held[-1]
        target = f"{bucket.name}-{moved.place.replace(' ', '-')}"
        command = commands.aws("s3", "mb", region=bucket.region)
        yield Problem(f"it holds {places}", f"{command} s3://{target}")


@check(
    "endpoint-without-tls",
    Severity.HIGH,
    of=buckets,
    why="Without TLS the network sees object names and sealed bytes, and may answer in place of "
    "the store.",
)
def endpoint(bucket: Bucket, seen: Seen) -> Iterator[Problem]:
    """The store is reached by https."""
    if not bucket.endpoint.startswith("https://"):
        old, new = bucket.endpoint, bucket.endpoint.replace("http://", "https://", 1)
        if bucket.amazon:  # the store's url names none: the environment of whoever looks does
            fix = f"export AWS_ENDPOINT_URL={new}"
        else:
            fix = f"sed -i 's|endpoint={old}|endpoint={new}|' {seen.settings.path}"
        yield Problem(f"it is reached at {bucket.endpoint}", fix)
