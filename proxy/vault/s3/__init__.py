"""An object store in a bucket. Needs the extra `s3`; only wiring imports it."""
