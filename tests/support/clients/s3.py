"""boto3 on the S3 at AWS_ENDPOINT_URL: the transfer manager in threads, paginators, presigned URLs, conditions. The argument is
a folder to work in."""
import concurrent.futures
import datetime
import http.client
import os
import pathlib
import sys
import urllib.parse

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

folder = pathlib.Path(sys.argv[1])
s3 = boto3.client("s3", config=Config(retries={"max_attempts": 0}, max_pool_connections=32))
BUCKET = "threads"
s3.create_bucket(Bucket=BUCKET)


def refused(code, call, **arguments):
    try:
        call(Bucket=BUCKET, **arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return
    raise SystemExit(f"{code} was expected of {arguments}")


def transfers():
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=8)
    files = {f"file {n}": os.urandom((n % 3) * (5 << 20) + n) for n in range(8)}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    done = []

    def there_and_back(name):
        s3.upload_file(str(folder / name), BUCKET, f"t/{name}", Config=config, Callback=done.append)
        s3.download_file(BUCKET, f"t/{name}", str(folder / f"{name}.back"), Config=config)
        return (folder / f"{name}.back").read_bytes() == files[name]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert all(pool.map(there_and_back, files))
    assert sum(done) == sum(map(len, files.values()))


def paginators():
    uploads = {s3.create_multipart_upload(Bucket=BUCKET, Key=f"m/{n % 3}")["UploadId"]: f"m/{n % 3}" for n in range(7)}
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=BUCKET, PaginationConfig={"PageSize": 2})
    found = [upload for page in pages for upload in page.get("Uploads", [])]
    assert {upload["UploadId"]: upload["Key"] for upload in found} == uploads and len(found) == 7, found
    upload, key = next(iter(uploads.items()))
    name = dict(Bucket=BUCKET, Key=key, UploadId=upload)
    for number in range(1, 6):
        s3.upload_part(**name, PartNumber=number, Body=b"x" * number)
    pages = s3.get_paginator("list_parts").paginate(**name, PaginationConfig={"PageSize": 2})
    assert [(part["PartNumber"], part["Size"]) for page in pages for part in page["Parts"]] == [(n, n) for n in range(1, 6)]
    for upload, key in uploads.items():
        s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
    for n in range(25):
        s3.put_object(Bucket=BUCKET, Key=f"l/{n % 5}/{n:02}", Body=b"")
    for method in ("list_objects", "list_objects_v2"):
        pages = s3.get_paginator(method).paginate(Bucket=BUCKET, Prefix="l/", PaginationConfig={"PageSize": 4})
        assert len([o for page in pages for o in page["Contents"]]) == 25
        pages = s3.get_paginator(method).paginate(Bucket=BUCKET, Prefix="l/", Delimiter="/", PaginationConfig={"PageSize": 2})
        assert [p["Prefix"] for page in pages for p in page.get("CommonPrefixes", [])] == [f"l/{n}/" for n in range(5)]
    after = s3.list_objects_v2(Bucket=BUCKET, Prefix="l/", StartAfter="l/4/14", FetchOwner=True)["Contents"]
    assert [o["Key"] for o in after] == ["l/4/19", "l/4/24"], after


def fetch(method, url, body=None):
    """Without the headers that urllib adds: old signatures cover the type."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.request(method, f"{parts.path}?{parts.query}", body)
    answer = connection.getresponse()
    found = answer.status, answer.headers["content-type"], answer.read()
    connection.close()
    return found


def presigned():
    # boto3 signs URLs in the old way unless it is told otherwise.
    for version in ("s3", "s3v4"):
        signer, name = boto3.client("s3", config=Config(signature_version=version)), {"Bucket": BUCKET, "Key": f"p/é + {version}"}
        put = signer.generate_presigned_url("put_object", Params=name, ExpiresIn=60)
        assert fetch("PUT", put, b"by hand")[0] == 200
        get = signer.generate_presigned_url("get_object", Params={**name, "ResponseContentType": "text/x"})
        assert fetch("GET", get) == (200, "text/x", b"by hand")
        for wrong in (get.replace("/p/", "/q/"), get.partition("?")[0], get.replace("text%2Fx", "text%2Fy")):
            assert fetch("GET", wrong)[0] == 403, wrong


def conditions():
    first = s3.put_object(Bucket=BUCKET, Key="c", Body=b"1", IfNoneMatch="*")["ETag"]
    refused("PreconditionFailed", s3.put_object, Key="c", Body=b"2", IfNoneMatch="*")
    refused("PreconditionFailed", s3.put_object, Key="c", Body=b"2", IfMatch='"0000"')
    refused("NoSuchKey", s3.put_object, Key="none", Body=b"2", IfMatch=first)
    second = s3.put_object(Bucket=BUCKET, Key="c", Body=b"2", IfMatch=first)["ETag"]
    refused("PreconditionFailed", s3.get_object, Key="c", IfMatch=first)
    refused("304", s3.get_object, Key="c", IfNoneMatch=second)
    modified = s3.head_object(Bucket=BUCKET, Key="c")["LastModified"]
    refused("304", s3.head_object, Key="c", IfModifiedSince=modified)
    refused("412", s3.head_object, Key="c", IfUnmodifiedSince=datetime.datetime(2020, 1, 1))
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="c")["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key="c", UploadId=upload, PartNumber=1, Body=b"3")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    refused("PreconditionFailed", s3.complete_multipart_upload, Key="c", UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")
    s3.complete_multipart_upload(Bucket=BUCKET, Key="c", UploadId=upload, MultipartUpload=parts, IfMatch=second)
    source = {"Bucket": BUCKET, "Key": "c"}
    refused("PreconditionFailed", s3.copy_object, Key="d", CopySource=source, CopySourceIfMatch=second)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def race(n):
            try:
                s3.put_object(Bucket=BUCKET, Key="race", Body=bytes([n]), IfNoneMatch="*")
                return n
            except ClientError as error:
                assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), error
        winners = [n for n in pool.map(race, range(8)) if n is not None]
    assert len(winners) == 1 and s3.get_object(Bucket=BUCKET, Key="race")["Body"].read() == bytes(winners)
    assert s3.get_object(Bucket=BUCKET, Key="race", Range="bytes=0-0")["ResponseMetadata"]["HTTPStatusCode"] == 206
    refused("InvalidRange", s3.get_object, Key="race", Range="bytes=9-")


transfers()
paginators()
presigned()
conditions()
s3.get_waiter("object_exists").wait(Bucket=BUCKET, Key="c")
keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET) for o in page["Contents"]]
deleted = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys]})
assert len(deleted["Deleted"]) == len(keys) and "Errors" not in deleted
s3.get_waiter("object_not_exists").wait(Bucket=BUCKET, Key="c")
s3.delete_bucket(Bucket=BUCKET)
print("ok")
