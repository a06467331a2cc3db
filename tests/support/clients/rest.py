"""What else the cloud at AWS_ENDPOINT_URL can do, once each, by boto3; a function `echo` is deployed there. Settings that nobody has
made are refused in S3's words."""
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

config = Config(retries={"max_attempts": 0})
s3, functions, logs, sts = (boto3.client(name, config=config) for name in ("s3", "lambda", "logs", "sts"))
BUCKET, ECHO = {"Bucket": "rest"}, {"FunctionName": "echo"}
ROLE = "arn:aws:iam::000000000000:role/any"


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise SystemExit(f"{code} was expected of {arguments}")


def buckets():
    s3.create_bucket(**BUCKET)
    assert s3.get_bucket_location(**BUCKET)["LocationConstraint"] is None
    s3.put_bucket_tagging(**BUCKET, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    assert s3.get_bucket_tagging(**BUCKET)["TagSet"] == [{"Key": "a", "Value": "b"}]
    s3.delete_bucket_tagging(**BUCKET)
    refused("NoSuchTagSet", s3.get_bucket_tagging, **BUCKET)
    s3.put_public_access_block(**BUCKET, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    assert s3.get_public_access_block(**BUCKET)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    s3.delete_public_access_block(**BUCKET)
    refused("NoSuchPublicAccessBlockConfiguration", s3.get_public_access_block, **BUCKET)
    s3.put_bucket_ownership_controls(**BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    s3.get_bucket_ownership_controls(**BUCKET)
    s3.get_bucket_acl(**BUCKET)
    s3.get_bucket_encryption(**BUCKET)
    s3.get_bucket_versioning(**BUCKET)
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, **BUCKET)
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, **BUCKET)
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, **BUCKET)
    refused("NoSuchWebsiteConfiguration", s3.get_bucket_website, **BUCKET)
    refused("NoSuchBucket", s3.list_objects_v2, Bucket="there-is-none")
    refused("InvalidBucketName", s3.create_bucket, Bucket="A.b_")


def objects():
    name = {**BUCKET, "Key": "a/b"}
    s3.put_object(**name, Body=b"0" * (6 << 20), Tagging="x=y", Metadata={"m": "n"}, ContentType="text/x", CacheControl="no-store",
                  ContentDisposition="inline", ContentLanguage="en", ContentEncoding="none", ChecksumAlgorithm="SHA256")
    head = s3.head_object(**name, ChecksumMode="ENABLED")
    assert (head["CacheControl"], head["ContentLanguage"], head["Metadata"]) == ("no-store", "en", {"m": "n"}), head
    s3.get_object_attributes(**name, ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass", "ObjectParts"])
    assert s3.get_object_tagging(**name)["TagSet"] == [{"Key": "x", "Value": "y"}]
    s3.put_object_tagging(**name, Tagging={"TagSet": [{"Key": "c", "Value": "d"}]})
    s3.delete_object_tagging(**name)
    s3.get_object_acl(**name)
    s3.list_object_versions(**BUCKET)
    s3.copy_object(**BUCKET, Key="copy", CopySource=name, MetadataDirective="REPLACE", Metadata={"other": "x"})
    upload = s3.create_multipart_upload(**BUCKET, Key="parts", ChecksumAlgorithm="CRC32")["UploadId"]
    ours = {**BUCKET, "Key": "parts", "UploadId": upload}
    part = s3.upload_part_copy(**ours, PartNumber=1, CopySource=name, CopySourceRange="bytes=0-5242879")["CopyPartResult"]
    parts = [{"PartNumber": 1, **{key: value for key, value in part.items() if key in ("ETag", "ChecksumCRC32")}}]
    refused("InvalidPart", s3.complete_multipart_upload, **ours, MultipartUpload={"Parts": [{"PartNumber": 2, "ETag": "x"}]})
    s3.complete_multipart_upload(**ours, MultipartUpload={"Parts": parts})
    refused("NoSuchUpload", s3.list_parts, **ours)
    refused("NoSuchKey", s3.get_object, **BUCKET, Key="none")
    refused("InvalidArgument", s3.list_objects_v2, **BUCKET, ContinuationToken="nonsense")
    s3.delete_object(**name)
    s3.delete_objects(**BUCKET, Delete={"Objects": [{"Key": "copy"}, {"Key": "parts"}], "Quiet": True})
    s3.delete_bucket(**BUCKET)


def settings_of_functions():
    arn = functions.get_function(**ECHO)["Configuration"]["FunctionArn"]
    functions.add_permission(**ECHO, StatementId="s", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com",
                             SourceArn="arn:aws:s3:::rest", SourceAccount="000000000000")
    functions.get_policy(**ECHO)
    functions.remove_permission(**ECHO, StatementId="s")
    refused("ResourceNotFoundException", functions.get_policy, **ECHO)
    functions.put_function_event_invoke_config(**ECHO, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
    functions.update_function_event_invoke_config(**ECHO, MaximumRetryAttempts=2)
    functions.get_function_event_invoke_config(**ECHO)
    functions.list_function_event_invoke_configs(**ECHO)
    functions.delete_function_event_invoke_config(**ECHO)
    functions.put_function_concurrency(**ECHO, ReservedConcurrentExecutions=2)
    functions.get_function_concurrency(**ECHO)
    functions.delete_function_concurrency(**ECHO)
    functions.list_provisioned_concurrency_configs(**ECHO)
    assert functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] > 0
    functions.tag_resource(Resource=arn, Tags={"t": "u"})
    assert functions.list_tags(Resource=arn)["Tags"]["t"] == "u"
    functions.untag_resource(Resource=arn, TagKeys=["t"])
    functions.list_versions_by_function(**ECHO)
    functions.list_aliases(**ECHO)
    functions.list_event_source_mappings()
    functions.get_function_code_signing_config(**ECHO)
    functions.list_function_url_configs(**ECHO)
    functions.put_function_recursion_config(**ECHO, RecursiveLoop="Allow")
    functions.get_function_recursion_config(**ECHO)


def invocations_and_refusals():
    functions.invoke(**ECHO, InvocationType="Event", Payload=b"{}")
    functions.invoke(**ECHO, InvocationType="DryRun")
    functions.invoke_async(**ECHO, InvokeArgs=b"{}")
    refused("InvalidRequestContentException", functions.invoke, **ECHO, Payload=b"{")
    refused("ResourceNotFoundException", functions.invoke, FunctionName="none")
    refused("InvalidParameterValueException", functions.create_function, FunctionName="bad", Role=ROLE, PackageType="Image",
            Code={"ImageUri": "127.0.0.1:1/there/is:none"})
    image = functions.get_function(**ECHO)["Code"]["ImageUri"]
    refused("ResourceConflictException", functions.create_function, **ECHO, Role=ROLE, PackageType="Image", Code={"ImageUri": image})
    functions.put_function_concurrency(**ECHO, ReservedConcurrentExecutions=0)
    refused("TooManyRequestsException", functions.invoke, **ECHO)
    functions.delete_function_concurrency(**ECHO)
    functions.update_function_code(**ECHO, ImageUri=image)


def groups_and_streams():
    group = {"logGroupName": "/rest"}
    logs.create_log_group(**group, tags={"a": "b"})
    refused("ResourceAlreadyExistsException", logs.create_log_group, **group)
    logs.put_retention_policy(**group, retentionInDays=7)
    found = logs.describe_log_groups(logGroupNamePrefix="/rest")["logGroups"][0]
    assert found["retentionInDays"] == 7, found
    logs.delete_retention_policy(**group)
    arn = found["logGroupArn"]
    logs.tag_resource(resourceArn=arn, tags={"c": "d"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b", "c": "d"}
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    logs.list_log_groups()
    stream = {**group, "logStreamName": "s"}
    logs.create_log_stream(**stream)
    logs.put_log_events(**stream, logEvents=[{"timestamp": int(time.time() * 1000), "message": "m"}])
    logs.get_log_events(**stream)
    refused("ResourceNotFoundException", logs.get_log_events, **group, logStreamName="none")
    refused("InvalidParameterException", logs.filter_log_events, **group, filterPattern="{ $.a = ")
    logs.delete_log_stream(**stream)
    logs.delete_log_group(**group)


buckets()
objects()
settings_of_functions()
invocations_and_refusals()
groups_and_streams()
assert sts.get_caller_identity()["Account"] == "000000000000"
print("ok")
