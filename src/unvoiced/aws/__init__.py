"""What speaks to AWS besides the S3 store: KMS, STS, and the account that `posture` asks."""
