"""Creates the bucket for artifacts and executes the server. Both are configured by the environment."""

import os

import boto3

s3 = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
bucket = os.environ["MLFLOW_ARTIFACTS_DESTINATION"].removeprefix("s3://")
if bucket not in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=bucket)
os.execvp("mlflow", ["mlflow", "server"])
